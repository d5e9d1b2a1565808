package core

import (
	"fmt"
	"strings"
	"testing"
)

const (
	volume       = `{"name":"disk","type":"SCALAR","scalar":{"value":8},"reservations":[{"type":"DYNAMIC","role":"r"}],"disk":{"persistence":{"id":"pv"},"volume":{"container_path":"p","mode":"RW"}}}`
	plainDisk    = `{"name":"disk","type":"SCALAR","scalar":{"value":8},"reservations":[{"type":"DYNAMIC","role":"r"}]}`
	reservedCPU  = `{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"r"}]}`
	sharedVolume = `{"name":"disk","type":"SCALAR","scalar":{"value":8},"shared":{},"reservations":[{"type":"DYNAMIC","role":"r"}],"disk":{"persistence":{"id":"shared"},"volume":{"container_path":"p","mode":"RW"}}}`
)

func operation(kind, body string) string {
	return fmt.Sprintf(`{"type":"%s","id":{"value":"op"},"%s":%s}`, kind, strings.ToLower(kind), body)
}

func list(field string, entries ...string) string {
	return fmt.Sprintf(`{"%s":[%s]}`, field, strings.Join(entries, ","))
}

// operationCases: operations of one ACCEPT, of which the last one is answered so;
// an empty want means that it is applied.
var operationCases = []struct {
	rows rows
	name string
	ops  []string
	want string
}{
	{nil, "RESERVE", []string{operation("RESERVE", list("resources", reservedCPU))}, ""},
	{rows{147}, "RESERVE nothing", []string{operation("RESERVE", list("resources"))}, "no resources"},
	{rows{149}, "RESERVE unreserved", []string{operation("RESERVE", list("resources", one("cpus", 1, "")))}, "not dynamically reserved"},
	{rows{149}, "RESERVE static", []string{operation("RESERVE", list("resources", one("cpus", 1, `,"role":"r"`)))}, "not dynamically reserved"},
	{rows{59, 147}, "RESERVE invalid", []string{operation("RESERVE", list("resources", one("cpus", -1, "")))}, "invalid resources"},
	{rows{152}, "RESERVE for another role", []string{operation("RESERVE", list("resources", strings.ReplaceAll(reservedCPU, `"r"`, `"s"`)))}, "allocated to role 'r'"},
	{rows{65}, "RESERVE with source", []string{operation("RESERVE", `{"source":[`+one("cpus", 1, "")+`],"resources":[`+reservedCPU+`]}`)}, "operators"},
	{rows{66}, "RESERVE too much", []string{operation("RESERVE", list("resources", strings.Replace(reservedCPU, `"value":1`, `"value":1000`, 1)))}, "does not contain"},
	{rows{93, 147}, "RESERVE other provider", []string{operation("RESERVE", list("resources", strings.Replace(reservedCPU, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1), plainDisk))}, "provider"},
	{nil, "UNRESERVE what is not there", []string{operation("UNRESERVE", list("resources", reservedCPU))}, "does not contain"},
	{rows{154}, "UNRESERVE unreserved", []string{operation("UNRESERVE", list("resources", one("cpus", 1, "")))}, "not dynamically reserved"},
	{nil, "RESERVE, UNRESERVE", []string{operation("RESERVE", list("resources", reservedCPU)), operation("UNRESERVE", list("resources", reservedCPU))}, ""},
	{nil, "CREATE", []string{operation("RESERVE", list("resources", plainDisk)), operation("CREATE", list("volumes", volume))}, ""},
	{rows{155}, "CREATE unreserved", []string{operation("CREATE", list("volumes", one("disk", 8, `,"disk":{"persistence":{"id":"x"},"volume":{"container_path":"p","mode":"RW"}}`)))}, "reserved"},
	{rows{155}, "CREATE without disk", []string{operation("CREATE", list("volumes", reservedCPU))}, "DiskInfo"},
	{rows{155}, "CREATE read-only", []string{operation("RESERVE", list("resources", plainDisk)), operation("CREATE", list("volumes", strings.Replace(volume, `"RW"`, `"RO"`, 1)))}, "Read-only"},
	{rows{155}, "CREATE with host_path", []string{operation("CREATE", list("volumes", strings.Replace(volume, `"mode"`, `"host_path":"/x","mode"`, 1)))}, "host_path"},
	{rows{155}, "CREATE with bad id", []string{operation("CREATE", list("volumes", strings.Replace(volume, `"pv"`, `"a/b"`, 1)))}, "a/b"},
	{rows{156}, "CREATE twice", []string{operation("RESERVE", list("resources", plainDisk, plainDisk)), operation("CREATE", list("volumes", volume)), operation("CREATE", list("volumes", volume))}, "not unique"},
	{rows{157}, "CREATE shared without capability", []string{operation("RESERVE", list("resources", plainDisk)), operation("CREATE", list("volumes", sharedVolume))}, "SHARED_RESOURCES"},
	{nil, "DESTROY", []string{operation("RESERVE", list("resources", plainDisk)), operation("CREATE", list("volumes", volume)), operation("DESTROY", list("volumes", volume))}, ""},
	{rows{160}, "DESTROY unknown", []string{operation("DESTROY", list("volumes", volume))}, "not found"},
	{rows{160}, "DESTROY no volume", []string{operation("DESTROY", list("volumes", plainDisk))}, "not a persistent volume"},
	{rows{154}, "UNRESERVE a volume", []string{operation("RESERVE", list("resources", plainDisk)), operation("CREATE", list("volumes", volume)), operation("UNRESERVE", list("resources", volume))}, "destroy the persistent volume first"},
	{rows{162}, "GROW nothing", []string{operation("GROW_VOLUME", `{"volume":`+volume+`,"addition":`+strings.Replace(plainDisk, `"value":8`, `"value":0`, 1)+`}`)}, "addition"},
	{rows{162}, "GROW by another kind", []string{operation("GROW_VOLUME", `{"volume":`+volume+`,"addition":`+one("disk", 8, "")+`}`)}, "Incompatible"},
	{rows{162}, "GROW no volume", []string{operation("GROW_VOLUME", `{"volume":`+plainDisk+`,"addition":`+plainDisk+`}`)}, "not a persistent volume"},
	{rows{162}, "GROW shared", []string{operation("GROW_VOLUME", `{"volume":`+sharedVolume+`,"addition":`+plainDisk+`}`)}, "shared"},
	{nil, "GROW", []string{operation("RESERVE", list("resources", plainDisk, plainDisk)), operation("CREATE", list("volumes", volume)), operation("GROW_VOLUME", `{"volume":`+volume+`,"addition":`+plainDisk+`}`)}, ""},
	{nil, "result of GROW is for later", []string{operation("RESERVE", list("resources", plainDisk, plainDisk)), operation("CREATE", list("volumes", volume)), operation("GROW_VOLUME", `{"volume":`+volume+`,"addition":`+plainDisk+`}`), operation("DESTROY", list("volumes", strings.Replace(volume, `"value":8`, `"value":16`, 1)))}, "does not contain"},
	{rows{163}, "SHRINK by nothing", []string{operation("SHRINK_VOLUME", `{"volume":`+volume+`,"subtract":{"value":0}}`)}, "greater than zero"},
	{rows{163}, "SHRINK to nothing", []string{operation("SHRINK_VOLUME", `{"volume":`+volume+`,"subtract":{"value":8}}`)}, "smaller than the size"},
	{rows{163}, "SHRINK MOUNT", []string{operation("SHRINK_VOLUME", `{"volume":`+strings.Replace(volume, `"persistence"`, `"source":{"type":"MOUNT","mount":{"root":"/m"}},"persistence"`, 1)+`,"subtract":{"value":1}}`)}, "MOUNT"},
	{rows{164}, "CREATE_DISK of the agent", []string{operation("CREATE_DISK", `{"source":`+plainDisk+`,"target_type":"MOUNT"}`)}, "resource provider"},
	{rows{165}, "DESTROY_DISK of the agent", []string{operation("DESTROY_DISK", `{"source":`+plainDisk+`}`)}, "resource provider"},
	{rows{164}, "CREATE_DISK not RAW", []string{operation("CREATE_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"MOUNT"}},"name"`, 1)+`,"target_type":"MOUNT"}`)}, "not a RAW"},
	{rows{164}, "CREATE_DISK to RAW", []string{operation("CREATE_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"RAW"}},"name"`, 1)+`,"target_type":"RAW"}`)}, "neither MOUNT or BLOCK"},
	{rows{164}, "CREATE_DISK without profile", []string{operation("CREATE_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"RAW"}},"name"`, 1)+`,"target_type":"MOUNT"}`)}, "target_profile"},
	{rows{165}, "DESTROY_DISK without id", []string{operation("DESTROY_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"MOUNT"}},"name"`, 1)+`}`)}, "no id"},
	{rows{154}, "UNRESERVE of mixed providers", []string{operation("UNRESERVE", list("resources", strings.Replace(reservedCPU, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1), plainDisk))}, "provider"},
	{rows{155}, "CREATE of mixed providers", []string{operation("CREATE", list("volumes", strings.Replace(volume, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1), strings.Replace(volume, `"pv"`, `"pw"`, 1)))}, "provider"},
	{rows{155}, "CREATE without persistence", []string{operation("CREATE", list("volumes", strings.Replace(plainDisk, `"name"`, `"disk":{"source":{"type":"PATH"}},"name"`, 1)))}, "persistence"},
	{rows{162}, "GROW of a provider", []string{operation("GROW_VOLUME", `{"volume":`+strings.Replace(volume, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1)+`,"addition":`+strings.Replace(plainDisk, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1)+`}`)}, "resource provider"},
	{rows{163}, "SHRINK of a provider", []string{operation("SHRINK_VOLUME", `{"volume":`+strings.Replace(volume, `{"name"`, `{"provider_id":{"value":"p"},"name"`, 1)+`,"subtract":{"value":1}}`)}, "resource provider"},
	{rows{163}, "SHRINK no volume", []string{operation("SHRINK_VOLUME", `{"volume":`+plainDisk+`,"subtract":{"value":1}}`)}, "not a persistent volume"},
	{rows{163}, "SHRINK shared", []string{operation("SHRINK_VOLUME", `{"volume":`+sharedVolume+`,"subtract":{"value":1}}`)}, "shared"},
	{rows{164}, "CREATE_DISK with a profile too many", []string{operation("CREATE_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"RAW","profile":"f"}},"name"`, 1)+`,"target_type":"MOUNT","target_profile":"g"}`)}, "target_profile"},
	{rows{165}, "DESTROY_DISK of a PATH", []string{operation("DESTROY_DISK", `{"source":`+strings.Replace(plainDisk, `"name"`, `"provider_id":{"value":"p"},"disk":{"source":{"type":"PATH","id":"i"}},"name"`, 1)+`}`)}, "MOUNT"},
}

func TestOperationRules(t *testing.T) {
	for _, c := range operationCases {
		t.Run(c.name, func(t *testing.T) {
			w := launchWorld(t)
			got, err := w.execute(`accept f1 {"operations":[` + strings.Join(c.ops, ",") + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			applied, refused := strings.Count(got, ": #"), strings.Count(got, "OPERATION_ERROR")
			wantApplied, wantRefused := len(c.ops), 0
			if c.want != "" {
				wantApplied, wantRefused = wantApplied-1, 1
			}
			if applied != wantApplied || refused != wantRefused || !strings.Contains(got, c.want) {
				t.Errorf("want %d applied, %d refused, %q; got\n%s", wantApplied, wantRefused, c.want, got)
			}
		})
	}
}

// TestPrincipals: a framework with a principal reserves and creates in its name.
func TestPrincipals(t *testing.T) {
	run := func(op string) string {
		w := newWorld(t)
		w.execute("subscribe f1 failover=10 principal=p")
		w.execute("agent a1 cpus:8;mem:1024;disk:512")
		got, err := w.execute(`accept f1 {"operations":[` + op + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := run(operation("RESERVE", list("resources", reservedCPU))); !strings.Contains(got, "no principal set") {
		t.Errorf("got %s", got)
	}
	other := strings.Replace(reservedCPU, `"role":"r"`, `"role":"r","principal":"q"`, 1)
	if got := run(operation("RESERVE", list("resources", other))); !strings.Contains(got, "with principal 'q' set") {
		t.Errorf("got %s", got)
	}
	own := strings.Replace(reservedCPU, `"role":"r"`, `"role":"r","principal":"p"`, 1)
	if got := run(operation("RESERVE", list("resources", own))); strings.Contains(got, "ERROR") {
		t.Errorf("got %s", got)
	}
	create := strings.Replace(volume, `"role":"r"`, `"role":"r","principal":"p"`, 1)
	if got := run(operation("CREATE", list("volumes", create))); !strings.Contains(got, "'disk.persistence.principal'") {
		t.Errorf("got %s", got)
	}
}

// TestFeedbackNeedsTheAgent: an operation with an id needs an agent that reports.
func TestFeedbackNeedsTheAgent(t *testing.T) {
	w := newWorld(t)
	w.execute("subscribe f1 caps= role=r failover=10")
	w.execute("agent a1 cpus:8;mem:1024 caps=none")
	got, err := w.execute(`accept f1 {"operations":[` + operation("RESERVE", list("resources", reservedCPU)) + `]}`)
	if err != nil || !strings.Contains(got, "RESOURCE_PROVIDER") || strings.Contains(got, ": #") {
		t.Errorf("got %s, %v", got, err)
	}
}

// offerListCases: what is wrong with the offers of an ACCEPT. Whatever it is, the
// framework's own live offers among them are used up and come back.
var offerListCases = []struct {
	rows            rows
	name, ids, want string
}{
	{rows{51}, "none", ``, "No offers specified"},
	{rows{52}, "duplicate", `{"value":"$f1.o1"},{"value":"$f1.o1"}`, "Duplicate offer"},
	{rows{53}, "unknown", `{"value":"$f1.o1"},{"value":"nosuch"}`, "no longer valid"},
	{rows{54}, "another's", `{"value":"$f1.o1"},{"value":"$f2.o1"}`, "invalid framework"},
	{rows{55}, "of two roles", `{"value":"$f3.o1"},{"value":"$f3.o2"}`, "different roles"},
	{rows{56}, "of two agents", `{"value":"$f1.o1"},{"value":"$f1.o2"}`, "different agents"},
}

func TestOfferLists(t *testing.T) {
	for _, c := range offerListCases {
		name := c.name
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			caller := "f1"
			lines := []string{"subscribe f1 failover=10", "agent a1 cpus:1;mem:32", "agent a2 cpus:1;mem:32", "subscribe f2 failover=10", "agent a3 cpus:1;mem:32"}
			if name == "of two roles" {
				caller = "f3"
				lines = []string{"subscribe f3 roles=a,b failover=10", "agent a1 cpus(a):1;cpus(b):1;mem(a):32;mem(b):32"}
			}
			for _, line := range lines {
				if _, err := w.execute(line); err != nil {
					t.Fatal(err)
				}
			}
			text := w.expand(`{"type":"ACCEPT","accept":{"offer_ids":[` + c.ids + `],"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + member("t", someResources+","+someCommand) + `]}},` + operation("RESERVE", list("resources", reservedCPU)) + `]}}`)
			f := w.frameworks[caller]
			before := len(w.core.frameworks[f.id].offers)
			got, err := w.execute("call " + caller + " " + text)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got, "t TASK_DROPPED MASTER INVALID_OFFERS") || !strings.Contains(got, "op OPERATION_ERROR") || strings.Count(got, c.want) != 2 {
				t.Errorf("want TASK_DROPPED and OPERATION_ERROR with %q, got\n%s", c.want, got)
			}
			if name != "none" && len(w.core.frameworks[f.id].offers) >= before {
				t.Errorf("no offer was used up: %d before, %d after", before, len(w.core.frameworks[f.id].offers))
			}
			if name == "another's" && len(w.core.frameworks[w.frameworks["f2"].id].offers) != 1 {
				t.Error("the other framework lost its offer")
			}
		})
	}
}
