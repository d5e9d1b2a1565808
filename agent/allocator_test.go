package agent_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
	"github.com/caprock/caprock/wire/mesos"
)

// allocator is the other end of the link: it registers whoever comes, keeps an
// outbox and acknowledges updates.
type allocator struct {
	t      *testing.T
	url    string
	server *httpd.Server

	mu         sync.Mutex
	cond       *sync.Cond
	conn       *transport.AllocatorConn
	outbox     []*link.Down // numbered from 1
	applied    uint64
	registers  []*link.Register
	updates    []*link.StatusUpdate
	acked      map[string]bool
	messages   []*link.ExecutorMessage
	exits      []*link.ExecutorExited
	unregister int
	noAck      bool
	term       uint64
}

const agentID = "cluster-S0"

func newAllocator(t *testing.T) *allocator {
	a := &allocator{t: t, acked: map[string]bool{}, term: 1}
	a.cond = sync.NewCond(&a.mu)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.url = "http://" + ln.Addr().String()
	a.server = httpd.New(httpd.Options{Logger: slog.New(slog.DiscardHandler)})
	a.server.Handle(transport.Path, func(c *httpd.Ctx) { c.Upgrade(transport.Protocol, a.serve) })
	go func() { _ = a.server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = a.server.Shutdown(ctx)
	})
	return a
}

func (a *allocator) serve(nc net.Conn, r *bufio.Reader) {
	conn := transport.Accept(nc, r, transport.Options{})
	for {
		up, err := conn.Recv()
		if err != nil {
			return
		}
		a.take(conn, up)
	}
}

func (a *allocator) take(conn *transport.AllocatorConn, up *link.Up) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.cond.Broadcast()
	switch b := up.Body.(type) {
	case *link.Up_Register:
		a.conn = conn
		a.registers = append(a.registers, b.Register)
		if b.Register.Agent.Id == nil {
			a.outbox = nil
		}
		id := agentID
		a.push(&link.Down{Body: &link.Down_Registered{Registered: &link.Registered{
			AgentId: &mesos.AgentID{Value: &id}, ClusterId: new("cluster"), Allocator: new("127.0.0.1:5050"),
			PingTimeout: &mesos.DurationInfo{Nanoseconds: new(int64(75e9))},
		}}})
		for _, d := range a.outbox[b.Register.GetAppliedSeq():] {
			a.push(d)
		}
	case *link.Up_Applied:
		a.applied = max(a.applied, b.Applied.GetSeq())
	case *link.Up_StatusUpdate:
		st := b.StatusUpdate.Status
		if !a.acked[string(st.Uuid)] {
			a.updates = append(a.updates, b.StatusUpdate)
		}
		if !a.noAck {
			a.acked[string(st.Uuid)] = true
			a.enqueue(&link.Down{Body: &link.Down_Acknowledge{Acknowledge: &link.Acknowledge{
				FrameworkId: b.StatusUpdate.FrameworkId, TaskId: st.TaskId, Uuid: st.Uuid,
			}}})
		}
	case *link.Up_ExecutorMessage:
		a.messages = append(a.messages, b.ExecutorMessage)
	case *link.Up_ExecutorExited:
		a.exits = append(a.exits, b.ExecutorExited)
	case *link.Up_Unregister:
		a.unregister++
	}
}

func (a *allocator) push(d *link.Down) {
	d.Channel, d.Term = new(uint32(1)), new(a.term)
	if a.conn != nil {
		_ = a.conn.Send(d)
	}
}

func (a *allocator) enqueue(d *link.Down) {
	d.Seq = new(uint64(len(a.outbox) + 1))
	a.outbox = append(a.outbox, d)
	a.push(d)
}

// send puts a frame into the outbox.
func (a *allocator) send(d *link.Down) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enqueue(d)
}

// wait waits until ok holds; ok runs under the lock.
func (a *allocator) wait(what string, ok func() bool) {
	a.t.Helper()
	deadline := time.Now().Add(time.Minute)
	alarm := time.AfterFunc(61*time.Second, a.cond.Broadcast)
	defer alarm.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	for !ok() {
		if time.Now().After(deadline) {
			a.t.Fatalf("waited in vain for %s; updates: %v", what, a.summary())
		}
		a.cond.Wait()
	}
}

func (a *allocator) summary() []string {
	var out []string
	for _, u := range a.updates {
		out = append(out, u.Status.TaskId.GetValue()+" "+u.Status.GetState().String()+" "+u.Status.GetMessage())
	}
	return out
}

// states lists the states reported for a task, in order.
func (a *allocator) states(task string) []mesos.TaskState {
	var out []mesos.TaskState
	for _, u := range a.updates {
		if u.Status.TaskId.GetValue() == task {
			out = append(out, u.Status.GetState())
		}
	}
	return out
}

func (a *allocator) last(task string) *mesos.TaskStatus {
	var st *mesos.TaskStatus
	for _, u := range a.updates {
		if u.Status.TaskId.GetValue() == task {
			st = u.Status
		}
	}
	return st
}

// await waits for a task to reach a state and returns the status.
func (a *allocator) await(task string, want mesos.TaskState) *mesos.TaskStatus {
	a.t.Helper()
	var found *mesos.TaskStatus
	a.wait(task+" to be "+want.String(), func() bool {
		for _, u := range a.updates {
			if u.Status.TaskId.GetValue() == task && u.Status.GetState() == want {
				found = u.Status
			}
		}
		return found != nil
	})
	return found
}

func scalar(name string, v float64) *mesos.Resource {
	return &mesos.Resource{
		Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &v},
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: new("r")},
	}
}

func framework(capabilities ...mesos.FrameworkInfo_Capability_Type) *mesos.FrameworkInfo {
	f := &mesos.FrameworkInfo{
		User: new("root"), Name: new("test"), Id: &mesos.FrameworkID{Value: new("fw")},
		Checkpoint: new(true), Roles: []string{"r"},
	}
	for _, c := range capabilities {
		f.Capabilities = append(f.Capabilities, &mesos.FrameworkInfo_Capability{Type: c.Enum()})
	}
	return f
}

func shell(id, line string) *mesos.TaskInfo {
	return &mesos.TaskInfo{
		Name: &id, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: new(agentID)},
		Resources: []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 64)},
		Command:   &mesos.CommandInfo{Value: &line},
	}
}

func (a *allocator) launch(f *mesos.FrameworkInfo, tasks ...*mesos.TaskInfo) {
	for _, t := range tasks {
		a.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{Framework: f, Tasks: []*mesos.TaskInfo{t}}}})
	}
}

func (a *allocator) kill(task string) {
	a.send(&link.Down{Body: &link.Down_Kill{Kill: &link.Kill{
		FrameworkId: &mesos.FrameworkID{Value: new("fw")}, TaskId: &mesos.TaskID{Value: &task},
	}}})
}
