package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
	"github.com/caprock/caprock/wire/recordio"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1.1"))
}

const patience = time.Minute

// allocator serves links; each is handed to the channel and lives until the
// test reads from done.
func allocator(t testing.TB, o transport.Options) (url string, links chan *transport.AllocatorConn) {
	t.Helper()
	s := httpd.New(httpd.Options{Actor: "master"})
	links = make(chan *transport.AllocatorConn)
	over := make(chan struct{})
	s.Handle(transport.Path, func(c *httpd.Ctx) {
		c.Upgrade(transport.Protocol, func(nc net.Conn, r *bufio.Reader) {
			select {
			case links <- transport.Accept(nc, r, o):
			case <-over:
			}
			<-over
		})
	})
	s.Handle("/elsewhere"+transport.Path, func(c *httpd.Ctx) { c.ReplyRedirect("/api/v1/link") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		close(over)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-served
	})
	return "http://" + ln.Addr().String(), links
}

func connect(t testing.TB, server, client transport.Options) (*transport.AgentConn, *transport.AllocatorConn) {
	t.Helper()
	url, links := allocator(t, server)
	c := httpc.New(httpc.Options{})
	t.Cleanup(c.Close)
	agent, err := transport.Dial(t.Context(), c, url, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agent.Close)
	return agent, <-links
}

func up(channel uint32, body string) *link.Up {
	return &link.Up{Channel: &channel, Body: &link.Up_Unregister{Unregister: &link.Unregister{Message: &body}}}
}

func down(seq uint64, body string) *link.Down {
	return &link.Down{Seq: &seq, Body: &link.Down_Shutdown{Shutdown: &link.Shutdown{Message: &body}}}
}

func TestFramesCrossInOrderBothWays(t *testing.T) {
	agent, master := connect(t, transport.Options{}, transport.Options{})
	const n = 5000
	failed := make(chan error, 2)
	go func() {
		for i := range n {
			if err := agent.Send(up(uint32(i), "up")); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	go func() {
		for i := 0; i < n; i += 2 {
			if err := master.Send(down(uint64(i), "a"), down(uint64(i+1), strings.Repeat("b", i%300))); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for i := range n {
		u, err := master.Recv()
		if err != nil || u.GetChannel() != uint32(i) || u.GetUnregister().GetMessage() != "up" {
			t.Fatalf("up frame %d: got %v %v", i, u, err)
		}
		d, err := agent.Recv()
		if err != nil || d.GetSeq() != uint64(i) {
			t.Fatalf("down frame %d: got %v %v", i, d, err)
		}
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func TestCloseIsSeenByThePeer(t *testing.T) {
	agent, master := connect(t, transport.Options{}, transport.Options{})
	if err := agent.Send(up(1, "bye")); err != nil {
		t.Fatal(err)
	}
	if err := agent.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	agent.Close()
	if u, err := master.Recv(); err != nil || u.GetChannel() != 1 {
		t.Fatalf("what was flushed must arrive: %v %v", u, err)
	}
	if _, err := master.Recv(); err != io.EOF {
		t.Errorf("then: %v, want EOF", err)
	}
	if _, err := agent.Recv(); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Recv after Close: %v", err)
	}
	if err := agent.Send(up(1, "x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if err := agent.Flush(t.Context()); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
}

func TestDialFollowsRedirectsAndReportsRefusals(t *testing.T) {
	url, links := allocator(t, transport.Options{})
	c := httpc.New(httpc.Options{})
	t.Cleanup(c.Close)
	agent, err := transport.Dial(t.Context(), c, url+"/elsewhere/", nil, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	agent.Close()
	(<-links).Close()
	var status *httpc.StatusError
	if _, err := transport.Dial(t.Context(), c, url+"/nowhere", nil, transport.Options{}); !errors.As(err, &status) || status.Status != 404 {
		t.Errorf("got %v, want a 404", err)
	}
	if _, err := transport.Dial(t.Context(), c, "http://127.0.0.1:1", nil, transport.Options{}); err == nil {
		t.Error("a closed port was dialled")
	}
}

// A peer that does not read costs bounded memory and never blocks Send.
func TestBacklogCutsTheLink(t *testing.T) {
	agent, master := connect(t, transport.Options{MaxPending: 1 << 20}, transport.Options{})
	frame := down(0, strings.Repeat("x", 60<<10))
	var err error
	for i := 0; err == nil; i++ {
		if i > 1000 {
			t.Fatal("a peer that does not read took 60 MiB")
		}
		err = master.Send(frame)
		if p := master.Pending(); p > 1<<20 {
			t.Fatalf("%d bytes are pending, want at most 1 MiB", p)
		}
	}
	if !errors.Is(err, transport.ErrBacklog) || !errors.Is(master.Err(), transport.ErrBacklog) {
		t.Errorf("the link ended with %v", err)
	}
	for err = nil; err == nil; {
		_, err = agent.Recv()
	}
}

func TestUnreadWriteTimesOut(t *testing.T) {
	_, master := connect(t, transport.Options{WriteTimeout: 50 * time.Millisecond}, transport.Options{})
	_ = master.Send(down(0, strings.Repeat("x", 15<<20)))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var netErr net.Error
	if err := master.Flush(ctx); !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Errorf("Flush ended with %v, want a timeout of the write", err)
	}
}

func TestSilenceTimesOut(t *testing.T) {
	agent, _ := connect(t, transport.Options{}, transport.Options{ReadTimeout: 30 * time.Millisecond})
	var netErr net.Error
	if _, err := agent.Recv(); !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Errorf("Recv ended with %v, want a timeout", err)
	}
}

func TestOversizedFrames(t *testing.T) {
	agent, master := connect(t, transport.Options{}, transport.Options{})
	if err := agent.Send(up(1, strings.Repeat("x", transport.MaxFrameBytes))); err == nil || agent.Err() != nil {
		t.Errorf("got %v and link %v, want an error that leaves the link open", err, agent.Err())
	}
	if err := agent.Send(up(2, strings.Repeat("x", 15<<20))); err != nil {
		t.Fatal(err)
	}
	if u, err := master.Recv(); err != nil || u.GetChannel() != 2 {
		t.Fatal(err)
	}
}

func FuzzRecv(f *testing.F) {
	b, err := up(7, "hello").MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recordio.Append(recordio.Append(nil, b), b))
	f.Add([]byte("3\nabc"))
	f.Add([]byte("99999999\nabc"))
	f.Add([]byte("x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		near, far := net.Pipe()
		go func() {
			_, _ = near.Write(data)
			near.Close()
		}()
		c := transport.Accept(far, nil, transport.Options{})
		for {
			if _, err := c.Recv(); err != nil {
				break
			}
		}
		if c.Err() == nil {
			t.Error("the link is open after an error")
		}
		near.Close()
	})
}

func BenchmarkSend(b *testing.B) {
	agent, master := connect(b, transport.Options{}, transport.Options{})
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := master.Recv(); err != nil {
				done <- err
				return
			}
		}
	}()
	frame := up(1, string(bytes.Repeat([]byte("x"), 300)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := agent.Send(frame); err != nil {
			b.Fatal(err)
		}
		if i%1024 == 0 {
			if err := agent.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := agent.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	agent.Close()
	<-done
}

func TestSendCostsNoAllocationsOnABusyLink(t *testing.T) {
	near, far := net.Pipe() // nobody reads: the writer stays busy
	defer far.Close()
	c := transport.Agent(near, transport.Options{})
	defer c.Close()
	frame := up(1, "x")
	for range 2000 { // grow the buffer beyond what the measured runs need
		if err := c.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(20, func() { _ = c.Send(frame) }); n > 1 {
		t.Errorf("Send allocates %v times, want at most the slice of its arguments", n)
	}
}
