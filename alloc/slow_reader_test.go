package alloc_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/fanout"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// slowSubscribe opens a framework's stream on a socket of its own and reads its head
// and first record, nothing more.
func (r *service) slowSubscribe(t *testing.T, id string) (streamID string) {
	t.Helper()
	conn, err := net.Dial("tcp", r.s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	_ = conn.SetDeadline(time.Now().Add(patience))
	body := `{"type":"SUBSCRIBE","framework_id":{"value":"` + id + `"},"subscribe":{"framework_info":{"user":"root","name":"f","roles":["r"],"failover_timeout":1000,"capabilities":` +
		capabilities + `,"id":{"value":"` + id + `"}}}}`
	fmt.Fprintf(conn, "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	br := bufio.NewReader(conn)
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.EqualFold(name, "Mesos-Stream-Id") {
			streamID = value
		}
		if strings.Contains(line, "SUBSCRIBED") {
			return streamID
		}
	}
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come about", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// A framework that does not read its events is cut when what waits for it reaches its
// bound. Others notice nothing; the framework finds everything when it is back: the
// state of its tasks, the updates that it has not acknowledged, the offers.
func TestASlowReaderIsCutAndLosesNothing(t *testing.T) {
	const bound = 1 << 20
	r := startOptions(t, alloc.Options{
		WorkDir: t.TempDir(), Fanout: fanout.Options{FrameworkBytes: bound},
		Core: core.Options{AllocationInterval: 20 * time.Millisecond},
	})
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	a.update(f, "t1", mesos.TaskState_TASK_STARTING, "0123456789abcdef")
	f.next("UPDATE")

	r.slowSubscribe(t, f.id) // takes the framework over, and reads no more
	other := r.subscribe("")
	connected := func() any {
		for i := range 2 {
			if text(r.read("GET_FRAMEWORKS"), "frameworks", i, "framework_info", "id", "value") == f.id {
				return at(r.read("GET_FRAMEWORKS"), "frameworks", i, "connected")
			}
		}
		return nil
	}
	if connected() != true {
		t.Fatal("the slow framework is not connected")
	}

	// The agent repeats an update that nobody acknowledges.
	data := make([]byte, 64<<10)
	state := mesos.TaskState_TASK_RUNNING
	update := &link.StatusUpdate{FrameworkId: &mesos.FrameworkID{Value: &f.id}, LatestState: &state, Status: &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: ptr("t1")}, AgentId: &mesos.AgentID{Value: &a.id}, State: &state, Data: data,
		Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: ptr(2.5), Uuid: []byte("fedcba9876543210"),
	}}
	sent := 0
	until(t, "the cut", func() bool {
		a.send(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: update}})
		sent++
		return sent%20 == 0 && connected() == false
	})
	if sent*len(data) > 200<<20 {
		t.Errorf("it took %d MiB until a framework with a bound of %d was cut", sent*len(data)>>20, bound)
	}
	if cut := at(r.get("/metrics/snapshot"), "caprock/streams/cut"); cut != 1.0 {
		t.Errorf("got %v streams cut, want 1", cut)
	}
	other.call("REVIVE", "{}")
	other.next("OFFERS")

	back := r.subscribe(f.id)
	back.call("RECONCILE", `{"tasks":[]}`)
	if got := text(back.next("UPDATE"), "status", "state"); got != "TASK_RUNNING" {
		t.Errorf("after coming back the task is %s, want TASK_RUNNING", got)
	}
	a.send(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: update}})
	if got := text(back.next("UPDATE"), "status", "uuid"); got == "" {
		t.Error("the update that was not acknowledged does not come again")
	}
	back.call("ACKNOWLEDGE", `{"agent_id":{"value":"`+a.id+`"},"task_id":{"value":"t1"},"uuid":"ZmVkY2JhOTg3NjU0MzIxMA=="}`)
	a.next("the acknowledgement", func(d *link.Down) bool { return d.GetAcknowledge() != nil })
	other.call("TEARDOWN", "{}")
	back.next("OFFERS")
}

// One that leaves a single event unread for too long is cut as well, and counted.
func TestAnEventThatIsNotReadInTimeCutsItsReader(t *testing.T) {
	r := startOptions(t, alloc.Options{
		WorkDir: t.TempDir(), Fanout: fanout.Options{FrameworkBytes: 1 << 30}, HTTP: httpd.Options{StreamSendTimeout: time.Second},
		Core: core.Options{AllocationInterval: 20 * time.Millisecond},
	})
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	r.slowSubscribe(t, f.id) // takes the framework over, and reads no more
	state := mesos.TaskState_TASK_RUNNING
	update := &link.StatusUpdate{FrameworkId: &mesos.FrameworkID{Value: &f.id}, LatestState: &state, Status: &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: ptr("t1")}, AgentId: &mesos.AgentID{Value: &a.id}, State: &state, Data: make([]byte, 1<<20),
		Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: ptr(2.5), Uuid: []byte("fedcba9876543210"),
	}}
	for range 20 { // more than the sockets hold, far less than the bound
		a.send(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: update}})
	}
	until(t, "the cut", func() bool { return at(r.get("/metrics/snapshot"), "caprock/streams/cut") == 1.0 })
	until(t, "its end", func() bool { return at(r.read("GET_FRAMEWORKS"), "frameworks", 0, "connected") != true })
}
