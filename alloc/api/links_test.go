package api

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/loop"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// inbox is a loop that only takes commands down.
type inbox struct {
	mu       sync.Mutex
	commands []core.Command
	full     bool
	room     chan struct{} // when not nil, SubmitWait waits for it
}

func (l *inbox) take(cmd core.Command) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands = append(l.commands, cmd)
}

func (l *inbox) Submit(cmd core.Command, _ int) error {
	if l.full {
		return loop.ErrFull
	}
	l.take(cmd)
	return nil
}

func (l *inbox) SubmitWait(ctx context.Context, cmd core.Command, _ int) error {
	if l.room != nil {
		select {
		case <-l.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.take(cmd)
	return nil
}

func (l *inbox) Notify(cmd core.Command) { l.take(cmd) }

func (l *inbox) taken() []core.Command {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]core.Command(nil), l.commands...)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// linked is a server with one link, and the agent's end of it.
type linked struct {
	s     *Server
	loop  *inbox
	agent *transport.AgentConn
	ended chan struct{}
}

func link1(t *testing.T, l *inbox) *linked {
	t.Helper()
	s := testServer(t)
	s.links.term = 9
	ctx, cancel := context.WithCancel(context.Background())
	s.Start(ctx, l)
	here, there := net.Pipe()
	r := &linked{s: s, loop: l, agent: transport.Agent(there, transport.Options{}), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		conn := transport.Accept(here, nil, transport.Options{})
		defer conn.Close()
		s.serveLink(ctx, conn)
	}()
	t.Cleanup(func() {
		cancel()
		r.agent.Close()
		<-r.ended
	})
	return r
}

func (r *linked) send(t *testing.T, channel uint32, up *link.Up) {
	t.Helper()
	up.Channel = &channel
	if err := r.agent.Send(up); err != nil {
		t.Fatal(err)
	}
}

func (r *linked) frames(t *testing.T, n int) (out []*core.AgentFrame) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d frames arrive", n), func() bool { return len(r.loop.taken()) >= n })
	for _, cmd := range r.loop.taken() {
		if f, ok := cmd.(*core.AgentFrame); ok {
			out = append(out, f)
		}
	}
	return out
}

func register() *link.Up {
	return &link.Up{Body: &link.Up_Register{Register: &link.Register{}}}
}

func pong() *link.Up { return &link.Up{Body: &link.Up_Pong{Pong: &link.Pong{}}} }

func TestALinkCarriesManyAgents(t *testing.T) {
	r := link1(t, &inbox{})
	r.send(t, 1, register())
	r.send(t, 2, register())
	r.send(t, 1, pong())
	got := r.frames(t, 3)
	one, two := got[0].Channel, got[1].Channel
	if one == two || one == 0 || got[2].Channel != one {
		t.Fatalf("channels are %d, %d, %d", one, two, got[2].Channel)
	}

	seq := uint64(5)
	down := &link.Down{Seq: &seq, Body: &link.Down_Shutdown{Shutdown: &link.Shutdown{}}}
	r.s.Perform(&core.Down{Channel: two, Down: down})
	r.s.Perform(&core.Down{Channel: one, Down: down})
	r.s.Perform(&core.Down{Channel: 12345, Down: down})
	r.s.Flush()
	for _, want := range []uint32{2, 1} {
		d, err := r.agent.Recv()
		if err != nil || d.GetChannel() != want || d.GetTerm() != 9 || d.GetSeq() != 5 {
			t.Fatalf("frame %v, %v; wanted channel %d, term 9, seq 5", d, err, want)
		}
	}
	if down.Channel != nil || down.Term != nil {
		t.Fatal("the core's frame was written to")
	}

	r.agent.Close()
	<-r.ended
	closed := map[core.ChannelRef]bool{}
	for _, cmd := range r.loop.taken() {
		if c, ok := cmd.(*core.ChannelClosed); ok {
			closed[c.Channel] = true
		}
	}
	if !closed[one] || !closed[two] || len(closed) != 2 {
		t.Fatalf("the core heard of the end of %v, wanted %d and %d", closed, one, two)
	}
	if r.s.links.count() != 0 || len(r.s.links.mu.channels) != 0 {
		t.Fatal("the ended link is still known")
	}
}

func TestAFrameWithoutRegistrationIsToldSo(t *testing.T) {
	r := link1(t, &inbox{})
	r.send(t, 3, pong())
	d, err := r.agent.Recv()
	if err != nil || d.GetChannel() != 3 || d.GetPing() == nil || d.GetPing().GetConnected() {
		t.Fatalf("got %v, %v; wanted a ping that says not connected", d, err)
	}
	r.send(t, 3, register())
	ref := r.frames(t, 1)[0].Channel

	// A channel that the core closed is not registered either; registering
	// again makes a new one.
	r.s.Perform(&core.CloseChannel{Channel: ref})
	r.send(t, 3, pong())
	if d, err = r.agent.Recv(); err != nil || d.GetPing() == nil {
		t.Fatalf("got %v, %v on a closed channel", d, err)
	}
	r.send(t, 3, register())
	if again := r.frames(t, 2)[1].Channel; again == ref {
		t.Fatal("the channel that was closed lives on")
	}
}

func TestAFullInboxStopsTheReading(t *testing.T) {
	l := &inbox{room: make(chan struct{})}
	r := link1(t, l)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range 100 {
			n := uint32(i)
			up := register()
			up.Channel = &n
			if r.agent.Send(up) != nil {
				return
			}
		}
	}()
	<-sent // the agent's end buffers
	if n := len(l.taken()); n != 0 {
		t.Fatalf("%d frames were taken by a full inbox", n)
	}
	for i := range 100 {
		l.room <- struct{}{}
		eventually(t, "one more frame", func() bool { return len(l.taken()) == i+1 })
	}
}
