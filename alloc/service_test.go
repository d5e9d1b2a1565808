package alloc_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/store/kv"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func TestATaskLivesThroughARestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	a := r.dial("", 0)
	f := r.subscribe("")
	if got := f.launch("t1"); got != a.id {
		t.Fatalf("the offer is of agent %q, registered as %q", got, a.id)
	}
	first := a.launchOf("t1")
	if first.GetSeq() == 0 || first.GetTerm() == 0 {
		t.Fatalf("the launch has seq %d and term %d, wanted both", first.GetSeq(), first.GetTerm())
	}

	// The agent dies with the allocator, before it has checkpointed anything:
	// the launch was promised, so it is sent again.
	a.conn.Close()
	r.stop()
	r = start(t, dir)
	a = r.dial(a.id, 0)
	again := a.launchOf("t1")
	if again.GetSeq() != first.GetSeq() || again.GetTerm() <= first.GetTerm() {
		t.Fatalf("after the restart the launch has seq %d, term %d; before %d, %d",
			again.GetSeq(), again.GetTerm(), first.GetSeq(), first.GetTerm())
	}
	f2 := r.subscribe(f.id)
	if f2.id != f.id {
		t.Fatalf("framework %s came back as %s", f.id, f2.id)
	}
	a.send(&link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: again.Seq}}})

	uuid := "0123456789abcdef"
	a.update(f2, "t1", mesos.TaskState_TASK_RUNNING, uuid)
	status := at(f2.next("UPDATE"), "status")
	if text(status, "state") != "TASK_RUNNING" || text(status, "uuid") != base64.StdEncoding.EncodeToString([]byte(uuid)) {
		t.Fatalf("the update is %v", status)
	}
	f2.call("ACKNOWLEDGE", fmt.Sprintf(`{"agent_id":{"value":"%s"},"task_id":{"value":"t1"},"uuid":"%s"}`, a.id, text(status, "uuid")))
	frame := a.next("acknowledgement", func(d *link.Down) bool { return d.GetAcknowledge() != nil })
	if ack := frame.GetAcknowledge(); string(ack.GetUuid()) != uuid || ack.GetTaskId().GetValue() != "t1" {
		t.Fatalf("the acknowledgement is %v", ack)
	}

	// A second restart: what was applied is not sent again, a kill is.
	a.send(&link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: frame.Seq}}})
	f2.call("KILL", `{"task_id":{"value":"t1"}}`)
	kill := a.next("kill", func(d *link.Down) bool { return d.GetKill() != nil })
	a.conn.Close()
	r.stop()
	r = start(t, dir)
	a = r.dial(a.id, frame.GetSeq(), &mesos.Task{
		Name: ptr("t1"), TaskId: &mesos.TaskID{Value: ptr("t1")}, FrameworkId: &mesos.FrameworkID{Value: &f.id},
		AgentId: &mesos.AgentID{Value: &a.id}, State: mesos.TaskState_TASK_RUNNING.Enum(),
	})
	next := a.next("something of the outbox", func(d *link.Down) bool { return d.GetSeq() > 0 })
	if next.GetKill() == nil || next.GetSeq() != kill.GetSeq() {
		t.Fatalf("after the second restart the outbox begins with %v", next)
	}
}

func TestOperatorsSeeWhatHappens(t *testing.T) {
	r := start(t, t.TempDir())
	events := r.stream("/api/v1", `{"type":"SUBSCRIBE"}`)
	snapshot := events.next("SUBSCRIBED")
	if at(snapshot, "heartbeat_interval_seconds") != 15.0 {
		t.Fatalf("the first event is %v", snapshot)
	}
	a := r.dial("", 0)
	f := r.subscribe("")
	f.launch("t1")
	a.launchOf("t1")
	a.update(f, "t1", mesos.TaskState_TASK_RUNNING, "0123456789abcdef")
	f.next("UPDATE")
	events.next("TASK_UPDATED")
	want := []string{"SUBSCRIBED", "HEARTBEAT", "AGENT_ADDED", "FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED"}
	if got := events.types(); !slices.Equal(got, want) {
		t.Fatalf("operators saw %v, wanted %v", got, want)
	}

	state := r.read("GET_STATE")
	for _, c := range []struct{ got, want string }{
		{text(state, "get_agents", "agents", 0, "agent_info", "id", "value"), a.id},
		{text(state, "get_frameworks", "frameworks", 0, "framework_info", "id", "value"), f.id},
		{text(state, "get_tasks", "tasks", 0, "state"), "TASK_RUNNING"},
		{text(r.get("/state"), "slaves", 0, "id"), a.id},
		{text(r.get("/master/state"), "frameworks", 0, "tasks", 0, "state"), "TASK_RUNNING"},
		{text(r.get("/state-summary"), "slaves", 0, "framework_ids", 0), f.id},
		{text(r.get("/tasks"), "tasks", 0, "role"), "r"},
		{text(r.get("/roles"), "roles", 0, "frameworks", 0), f.id},
		{text(r.get("/frameworks"), "frameworks", 0, "name"), "f"},
		{text(r.get("/slaves"), "slaves", 0, "pid"), "slave(1)@127.0.0.1:5051"},
		{text(r.get("/version"), "version"), "1.12.0"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, wanted %q", c.got, c.want)
		}
	}
	if got := at(r.get("/state"), "slaves", 0, "used_resources", "cpus"); got != 1.0 {
		t.Errorf("used cpus are %v, wanted 1", got)
	}
	metrics := r.get("/metrics/snapshot")
	for name, want := range map[string]float64{"master/tasks_running": 1, "master/cpus_total": 8, "master/cpus_used": 1, "master/slaves_active": 1, "master/messages_launch_tasks": 1} {
		if got := at(metrics, name); got != want {
			t.Errorf("%s is %v, wanted %v", name, got, want)
		}
	}

	own := "master/frameworks/f/" + f.id + "/"
	for name, want := range map[string]float64{"subscribed": 1, "calls/accept": 1, "calls/subscribe": 1, "events/update": 1, "offers/accepted": 1, "tasks/active/task_running": 1, "roles/r/suppressed": 0} {
		if got := at(metrics, own+name); got != want {
			t.Errorf("%s%s is %v, wanted %v", own, name, got, want)
		}
	}

	// A later subscriber's snapshot says the same.
	late := r.stream("/api/v1", `{"type":"SUBSCRIBE"}`)
	if got := text(late.next("SUBSCRIBED"), "get_state", "get_tasks", "tasks", 0, "task_id", "value"); got != "t1" {
		t.Errorf("the late snapshot shows task %q", got)
	}
	status, body := r.post("/api/v1", `{"type":"TEARDOWN","teardown":{"framework_id":{"value":"`+f.id+`"}}}`)
	if status != 200 || body != "" {
		t.Fatalf("teardown: %d %s", status, body)
	}
	f.end()
	late.next("FRAMEWORK_REMOVED")
}

func TestTakeoverEndsTheOldStream(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	again := r.subscribe(f.id)
	if message := text(f.next("ERROR"), "message"); message != "Framework failed over" {
		t.Fatalf("the old stream was told %q", message)
	}
	f.end()
	again.call("REVIVE", "{}")
}

func TestSecondServiceOnTheSameWorkDirIsRefused(t *testing.T) {
	r := start(t, t.TempDir())
	_, err := alloc.New(alloc.Options{WorkDir: r.dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, kv.ErrInUse) || !strings.Contains(err.Error(), r.dir) {
		t.Fatalf("a second service got %v", err)
	}
}

func TestADamagedRecordIsNamedAtStart(t *testing.T) {
	dir := t.TempDir()
	db, err := kv.Open(filepath.Join(dir, "store"), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch(0)
	for i := range 2000 {
		name := fmt.Sprintf("role-%04d", i)
		value, err := record.AppendValue(nil, &record.Role{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1500 || i == 1700 {
			value = append([]byte{value[0]}, "damage"...)
		}
		b.Set(record.RoleKey(name), value)
	}
	if err := errors.Join(b.Commit(), db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = alloc.New(alloc.Options{WorkDir: dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "role-1500") || !strings.Contains(err.Error(), dir) {
		t.Fatalf("starting over a damaged record: %v", err)
	}
	if _, err := kv.Open(filepath.Join(dir, "store"), kv.Options{}); err != nil {
		t.Fatalf("the failed start holds on to the store: %v", err)
	}
}

func TestOptionsNameTheirFaults(t *testing.T) {
	_, err := alloc.New(alloc.Options{Listen: "nonsense", AdvertiseIP: "x", AdvertisePort: -1})
	for _, word := range []string{"work dir", "listen", "advertise ip", "advertise port"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
	r := start(t, t.TempDir())
	_, err = alloc.New(alloc.Options{WorkDir: t.TempDir(), Listen: r.s.Addr().String(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port in use gave %v", err)
	}
}

func TestAFailedDiskEndsTheService(t *testing.T) {
	fs, breakDisk := failingDisk()
	s, err := alloc.New(alloc.Options{WorkDir: "d", Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Store: kv.Options{FS: fs}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	<-s.Ready()
	breakDisk()
	r := &service{t: t, s: s, client: newClient()}
	// This call must not be answered with success, whatever else happens to it.
	status, _, _, err := r.client.Post(context.Background(), r.url("/api/v1"), "application/json", nil,
		[]byte(`{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"r","weight":2}]}}`))
	if err == nil && status < 300 {
		t.Errorf("a call on a failed disk got status %d", status)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Fatalf("the service ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the service goes on over a failed disk")
	}
}
