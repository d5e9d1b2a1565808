package agents

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
	"github.com/caprock/caprock/wire/mesos"
)

// agentID is the id that the desk gives to its one agent.
const agentID = "bench-S0"

// pingTimeout is how long an agent waits to hear from the desk, which never pings.
const pingTimeout = time.Hour

// desk plays the allocator of one agent: it registers it, gives it orders and acknowledges its updates.
type desk struct {
	server *httpd.Server
	url    string

	registered chan struct{} // closed when the agent has registered
	updates    chan update

	mu   sync.Mutex
	conn *transport.AllocatorConn // guarded by mu
	seq  uint64                   // guarded by mu; of the last order
}

// update is a status, and when it came.
type update struct {
	status *mesos.TaskStatus
	at     time.Time
}

func newDesk() (*desk, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &desk{url: "http://" + ln.Addr().String(), registered: make(chan struct{}), updates: make(chan update, 64)}
	d.server = httpd.New(httpd.Options{Logger: slog.New(slog.DiscardHandler)})
	d.server.Handle(transport.Path, func(c *httpd.Ctx) { c.Upgrade(transport.Protocol, d.serve) })
	go func() { _ = d.server.Serve(ln) }() // ends with close
	return d, nil
}

func (d *desk) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func (d *desk) serve(nc net.Conn, r *bufio.Reader) {
	conn := transport.Accept(nc, r, transport.Options{})
	for {
		up, err := conn.Recv()
		if err != nil {
			return
		}
		switch b := up.Body.(type) {
		case *link.Up_Register:
			d.register(conn)
		case *link.Up_StatusUpdate:
			at, s := time.Now(), b.StatusUpdate.GetStatus()
			_ = d.order(&link.Down{Body: &link.Down_Acknowledge{Acknowledge: &link.Acknowledge{
				FrameworkId: b.StatusUpdate.FrameworkId, TaskId: s.TaskId, Uuid: s.Uuid,
			}}}) // an acknowledgement that is lost brings the update again
			d.updates <- update{s, at}
		}
	}
}

func (d *desk) register(conn *transport.AllocatorConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = conn.Send(&link.Down{Channel: proto.Uint32(1), Term: proto.Uint64(1), Body: &link.Down_Registered{Registered: &link.Registered{
		AgentId: &mesos.AgentID{Value: proto.String(agentID)}, ClusterId: proto.String("bench"), Allocator: proto.String("127.0.0.1:5050"),
		PingTimeout: &mesos.DurationInfo{Nanoseconds: proto.Int64(int64(pingTimeout))},
	}}}) // an agent that did not get it registers again
	if d.conn == nil {
		close(d.registered)
	}
	d.conn = conn
}

// order sends the next frame of the outbox.
func (d *desk) order(f *link.Down) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seq++
	f.Channel, f.Term, f.Seq = proto.Uint32(1), proto.Uint64(1), proto.Uint64(d.seq)
	return d.conn.Send(f)
}

// patience is how long an agent may take to register or a task to run before the run is given up.
const patience = time.Minute

// launch gives the order and waits until the task runs; it returns the time in between.
func (d *desk) launch(ctx context.Context, ended <-chan struct{}, order *link.Launch) (time.Duration, error) {
	id := order.Tasks[0].GetTaskId().GetValue()
	late := time.NewTimer(patience)
	defer late.Stop()
	sent := time.Now()
	if err := d.order(&link.Down{Body: &link.Down_Launch{Launch: order}}); err != nil {
		return 0, err
	}
	for {
		select {
		case u := <-d.updates:
			switch {
			case u.status.GetTaskId().GetValue() == id && u.status.GetState() == mesos.TaskState_TASK_RUNNING:
				return u.at.Sub(sent), nil
			case u.status.GetState() != mesos.TaskState_TASK_STARTING && u.status.GetState() != mesos.TaskState_TASK_RUNNING:
				return 0, fmt.Errorf("task %s became %v (%s), want it to run", u.status.GetTaskId().GetValue(), u.status.GetState(), u.status.GetMessage())
			}
		case <-ended:
			return 0, errors.New("the agent has ended")
		case <-late.C:
			return 0, fmt.Errorf("task %s does not run after %v", id, patience)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
