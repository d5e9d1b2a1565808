package httpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp renews its Date string for ever, and the cleaner of a worker
		// pool notices up to ten seconds late that its server has stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1.1"))
}

// patience is how long tests wait for what must happen.
const patience = time.Minute

// start serves on loopback until the test ends.
func start(t testing.TB, o Options, register func(*Server)) (*Server, string) {
	t.Helper()
	s := New(o)
	register(s)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, ln.Addr().String()
}

// echo answers with what arrived: method, path and body.
func echo(c *Ctx) {
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return
	}
	c.Reply(200, "text/plain", fmt.Appendf(nil, "%s %s %q", c.Method(), c.RoutePath(), body))
}

func echoServer(t testing.TB, o Options) (*Server, string) {
	return start(t, o, func(s *Server) { s.Handle("/echo", echo) })
}

// rawClient is a client that says exactly what it is told to.
type rawClient struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
	// asked is what answers belong to: one to HEAD has no body.
	asked *http.Request
}

func dialRaw(t testing.TB, addr string) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{Conn: c, t: t, br: bufio.NewReader(c)}
}

func (c *rawClient) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// answer reads one response. At the end of the connection it returns status 0.
func (c *rawClient) answer() (status int, header http.Header, body string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.br, c.asked)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatalf("body of a %d: %v", r.StatusCode, err)
	}
	return r.StatusCode, r.Header, string(b)
}

// until polls cond; it is for what another goroutine brings about.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("gave up waiting until %s", what)
		case <-tick.C:
		}
	}
}

func get(addr, path string, header ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n" + strings.Join(header, "") + "\r\n"
}
