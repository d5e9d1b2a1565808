package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// providerWorld has an agent with a RAW disk of a resource provider, offered to f1.
func providerWorld(t *testing.T) (*world, string) {
	w := newWorld(t)
	w.execute("subscribe f1 failover=100")
	w.execute("agent a1 cpus:8;mem:1024")
	a := w.agents["a1"]
	raw := `{"name":"disk","type":"SCALAR","scalar":{"value":100},"provider_id":{"value":"p"},"disk":{"source":{"type":"RAW","profile":"fast"}}}`
	r := &mesos.Resource{}
	if err := decodeJSON(raw, r); err != nil {
		t.Fatal(err)
	}
	a.register.Total = append(mustResources("cpus:8;mem:1024"), r)
	w.execute("disconnect a1")
	if got, err := w.execute("reregister a1"); err != nil || !strings.Contains(got, "disk") {
		t.Fatalf("got %s, %v", got, err)
	}
	return w, raw
}

// TestCreateDisk: what it consumes is held until the provider has answered, then
// becomes what it made.
func TestCreateDisk(t *testing.T) {
	for state, want := range map[mesos.OperationState]string{
		mesos.OperationState_OPERATION_FINISHED: "MOUNT",
		mesos.OperationState_OPERATION_FAILED:   "RAW",
	} {
		w, raw := providerWorld(t)
		got, err := w.execute(`accept f1 {"operations":[` + operation("CREATE_DISK", `{"source":`+raw+`,"target_type":"MOUNT"}`) + `],"filters":{"refuse_seconds":0}}`)
		if err != nil || !strings.Contains(got, "apply CREATE_DISK") {
			t.Fatalf("got %s, %v", got, err)
		}
		if got, _ := w.execute("tick 2s"); strings.Contains(got, "disk") {
			t.Errorf("the disk is offered while the operation runs: %s", got)
		}
		a := w.agents["a1"]
		status := &mesos.OperationStatus{State: state.Enum(), OperationId: &mesos.OperationID{Value: ptr("op")}, Uuid: &mesos.UUID{Value: uuidOf("s")}}
		if state == mesos.OperationState_OPERATION_FINISHED {
			made := &mesos.Resource{}
			if err := decodeJSON(strings.Replace(raw, "RAW", "MOUNT", 1), made); err != nil {
				t.Fatal(err)
			}
			status.ConvertedResources = []*mesos.Resource{made}
		}
		var op *Operation
		for _, o := range w.core.operations {
			op = o
		}
		got = w.up(a, &link.Up{Body: &link.Up_OperationUpdate{OperationUpdate: &link.OperationUpdate{OperationUuid: op.Info().Uuid, Status: status}}})
		if !strings.Contains(got, "UPDATE_OPERATION_STATUS op "+state.String()) {
			t.Errorf("got %s", got)
		}
		w.checkReload(w.core.Hash())
		w.execute("decline f1 refuse=0")
		w.execute("tick 2s")
		found := false
		for _, o := range w.core.offers {
			for _, r := range o.res.Named("disk") {
				found = found || r.Disk().GetSource().GetType().String() == want
			}
		}
		if !found {
			t.Errorf("%v: no %s disk is offered", state, want)
		}
	}
}

// TestContradictoryReports: a Register that contradicts itself is refused.
func TestContradictoryReports(t *testing.T) {
	id := func(v string) *mesos.FrameworkID { return &mesos.FrameworkID{Value: &v} }
	framework := func(v string) *mesos.FrameworkInfo {
		return &mesos.FrameworkInfo{User: ptr("u"), Name: ptr("n"), Id: id(v)}
	}
	executor := func(fw string) *link.Executor {
		return &link.Executor{FrameworkId: id(fw), Info: &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: ptr("e")}}}
	}
	task := func(fw, agent string) *mesos.Task {
		return &mesos.Task{Name: ptr("n"), TaskId: &mesos.TaskID{Value: ptr("t")}, FrameworkId: id(fw), AgentId: &mesos.AgentID{Value: &agent},
			State: mesos.TaskState_TASK_RUNNING.Enum()}
	}
	onExecutor := task("f", "m-S0")
	onExecutor.ExecutorId = &mesos.ExecutorID{Value: ptr("missing")}
	for name, c := range map[string]struct {
		change func(*link.Register)
		want   string
	}{
		"framework twice":       {func(r *link.Register) { r.Frameworks = []*mesos.FrameworkInfo{framework("f"), framework("f")} }, "twice"},
		"framework without id":  {func(r *link.Register) { r.Frameworks = []*mesos.FrameworkInfo{{User: ptr("u"), Name: ptr("n")}} }, "no id"},
		"executor twice":        {func(r *link.Register) { r.Executors = []*link.Executor{executor("f"), executor("f")} }, "twice"},
		"executor of no one":    {func(r *link.Register) { r.Executors = []*link.Executor{executor("x")} }, "not reported"},
		"task of no one":        {func(r *link.Register) { r.Tasks = []*mesos.Task{task("x", "m-S0")} }, "not reported"},
		"task of another agent": {func(r *link.Register) { r.Tasks = []*mesos.Task{task("f", "other")} }, "not of the one that reports"},
		"task without executor": {func(r *link.Register) { r.Tasks = []*mesos.Task{onExecutor} }, "not reported"},
		"bad total": {func(r *link.Register) {
			r.Total = []*mesos.Resource{{Name: ptr("cpus"), Type: mesos.Value_TEXT.Enum()}}
		}, "total"},
		"bad resources": {func(r *link.Register) {
			r.Agent.Resources = []*mesos.Resource{{Name: ptr("cpus"), Type: mesos.Value_TEXT.Enum()}}
		}, "agent resources"},
		"bad id":                 {func(r *link.Register) { r.Agent.Id = &mesos.AgentID{Value: ptr("a/b")} }, "agent id"},
		"incomplete":             {func(r *link.Register) { r.Agent.Hostname = nil }, "incomplete"},
		"domain, allocator none": {func(r *link.Register) { r.Agent.Domain = someDomain() }, "fault domain"},
		"nothing at all":         {func(r *link.Register) { r.Agent = nil }, "without agent info"},
		"no version":             {func(r *link.Register) { r.Version = nil }, "version"},
	} {
		w := newWorld(t)
		w.execute("agent a1 cpus:1;mem:32")
		w.execute("disconnect a1")
		a := w.agents["a1"]
		a.register.Frameworks = []*mesos.FrameworkInfo{framework("f")}
		c.change(a.register)
		if got := w.registerAgent(a); !strings.Contains(got, "refused shutdown=false") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want a refusal with %q", name, got, c.want)
		}
	}
}

func someDomain() *mesos.DomainInfo {
	return &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
		Region: &mesos.DomainInfo_FaultDomain_RegionInfo{Name: ptr("r")}, Zone: &mesos.DomainInfo_FaultDomain_ZoneInfo{Name: ptr("z")}}}
}

// TestRefuseSeconds: the filters that calls may give.
func TestRefuseSeconds(t *testing.T) {
	for text, want := range map[string]float64{`{}`: 5, `{"refuse_seconds":-1}`: 5, `{"refuse_seconds":0}`: 0, `{"refuse_seconds":7.5}`: 7.5,
		`{"refuse_seconds":1e300}`: 31536000, `{"refuse_seconds":"Infinity"}`: 31536000} {
		f := &mesos.Filters{}
		if err := decodeJSON(text, f); err != nil {
			t.Fatal(err)
		}
		if got := refuseSeconds(f); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if got := refuseSeconds(nil); got != 5 {
		t.Errorf("no filters: got %v, want 5", got)
	}
}
