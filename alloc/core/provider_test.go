package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

const rawDisk = `{"name":"disk","type":"SCALAR","scalar":{"value":100},"provider_id":{"value":"p"},"disk":{"source":{"type":"RAW","profile":"fast"}}}`

// providerWorld has an agent with a RAW disk of a resource provider, offered to f1.
func providerWorld(t *testing.T) (*world, string) { return providerWorldWith(t, rawDisk), rawDisk }

func providerWorldWith(t *testing.T, disk string) *world {
	w := newWorld(t)
	w.execute("subscribe f1 failover=100")
	w.execute("agent a1 cpus:8;mem:1024")
	a := w.agents["a1"]
	r := &mesos.Resource{}
	if err := decodeJSON(disk, r); err != nil {
		t.Fatal(err)
	}
	a.register.Total = append(mustResources("cpus:8;mem:1024"), r)
	w.execute("disconnect a1")
	if got, err := w.execute("reregister a1"); err != nil || !strings.Contains(got, "disk") {
		t.Fatalf("got %s, %v", got, err)
	}
	return w
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

// TestDestroyDisk: the same the other way round.
func TestDestroyDisk(t *testing.T) {
	made := strings.Replace(rawDisk, `"RAW"`, `"MOUNT","mount":{"root":"/m"},"id":"d1"`, 1)
	for state, want := range map[mesos.OperationState]string{
		mesos.OperationState_OPERATION_FINISHED: "RAW",
		mesos.OperationState_OPERATION_FAILED:   "MOUNT",
	} {
		w := providerWorldWith(t, made)
		if got, err := w.execute(`accept f1 {"operations":[` + operation("DESTROY_DISK", `{"source":`+made+`}`) + `],"filters":{"refuse_seconds":0}}`); err != nil || !strings.Contains(got, "apply DESTROY_DISK") {
			t.Fatalf("got %s, %v", got, err)
		}
		if got, _ := w.execute("tick 2s"); strings.Contains(got, "disk") {
			t.Errorf("the disk is offered while the operation runs: %s", got)
		}
		status := &mesos.OperationStatus{State: state.Enum(), OperationId: &mesos.OperationID{Value: ptr("op")}, Uuid: &mesos.UUID{Value: uuidOf("s")}}
		if state == mesos.OperationState_OPERATION_FINISHED {
			raw := &mesos.Resource{}
			if err := decodeJSON(rawDisk, raw); err != nil {
				t.Fatal(err)
			}
			status.ConvertedResources = []*mesos.Resource{raw}
		}
		var op *Operation
		for _, o := range w.core.operations {
			op = o
		}
		got := w.up(w.agents["a1"], &link.Up{Body: &link.Up_OperationUpdate{OperationUpdate: &link.OperationUpdate{OperationUuid: op.Info().Uuid, Status: status}}})
		if !strings.Contains(got, "UPDATE_OPERATION_STATUS op "+state.String()) {
			t.Errorf("got %s", got)
		}
		w.checkReload(w.core.Hash())
		w.execute("decline f1 refuse=0")
		w.execute("tick 2s")
		offered := ""
		for _, o := range w.core.offers {
			for _, r := range o.res.Named("disk") {
				offered = r.Disk().GetSource().GetType().String()
			}
		}
		if offered != want {
			t.Errorf("%v: a disk of type %q is offered, want %s", state, offered, want)
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
