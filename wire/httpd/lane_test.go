package httpd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// laneWorld is a server whose calls are answered when the test says so.
type laneWorld struct {
	addr string

	mu      sync.Mutex
	taken   []string
	general int
	release chan struct{}
}

type laneAnswer struct {
	w    *laneWorld
	body string
}

func (a *laneAnswer) Wait() (int, string, bool) {
	if a.w.release != nil {
		<-a.w.release
	}
	switch a.body {
	case "bad":
		return 400, "no good", true
	case "hang":
		return 0, "", false
	case "panic":
		panic("wait")
	}
	return 202, "", true
}

func newLaneWorld(t testing.TB, release chan struct{}) *laneWorld {
	w := &laneWorld{release: release}
	_, w.addr = start(t, Options{Actor: "master"}, func(s *Server) {
		s.Handle("/calls", func(c *Ctx) {
			w.mu.Lock()
			w.general++
			w.mu.Unlock()
			c.ReplyText(200, "general "+string(c.Request.Body()))
		})
		s.HandleCalls("/calls", "X-Stream", func(c *Call) Pending {
			if string(c.Body) == "other" {
				return nil
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.taken = append(w.taken, fmt.Sprintf("%s %s %s", c.ContentType, c.Field, c.Body))
			return &laneAnswer{w, string(c.Body)}
		})
	})
	return w
}

func (w *laneWorld) counts() (taken, general int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.taken), w.general
}

func laneCall(body string, fields ...string) string {
	return "POST /calls HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\n" + strings.Join(fields, "") +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// Requests that were sent together are decided together: the first answer comes
// only after all were taken.
func TestLaneTakesWhatIsPipelined(t *testing.T) {
	w := newLaneWorld(t, make(chan struct{}))
	c := dialRaw(t, w.addr)
	c.say(strings.Repeat(laneCall("a", "X-Stream: 7\r\n"), 20))
	until(t, "all are taken", func() bool { taken, _ := w.counts(); return taken == 20 })
	close(w.release)
	for range 20 {
		if status, header, body := c.answer(); status != 202 || body != "" || header.Get("Content-Length") != "0" || header.Get("Date") == "" {
			t.Fatalf("got %d %v %q", status, header, body)
		}
	}
	if w.taken[0] != "text/x 7 a" {
		t.Errorf("the handler got %q", w.taken[0])
	}
}

// Whatever is not plain is served by the general handler, in its place in the order.
func TestLaneLeavesTheRest(t *testing.T) {
	w := newLaneWorld(t, nil)
	c := dialRaw(t, w.addr)
	c.say(laneCall("a") + laneCall("bad") + laneCall("other") + laneCall("b") +
		laneCall("c", "X-Unknown: 1\r\n") + strings.Replace(laneCall("d"), "/calls", "/master/calls", 1) +
		"GET /calls HTTP/1.1\r\nHost: x\r\n\r\n" + laneCall("e"))
	for _, want := range []string{"202 ", "400 no good", "200 general other", "200 general b", "200 general c", "200 general d", "200 general ", "200 general e"} {
		status, _, body := c.answer()
		if got := fmt.Sprintf("%d %s", status, body); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// What fasthttp had read already is its own; the next request is on the lane again.
	c.say(strings.Replace(laneCall("f"), "/calls", "/master/calls", 1))
	if status, _, _ := c.answer(); status != 202 {
		t.Errorf("got %d after the general way, want 202", status)
	}
}

// piecewise is a connection that delivers its input in given pieces.
type piecewise struct {
	net.Conn
	in  []string
	out strings.Builder
}

func (c *piecewise) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[0])
	if c.in[0] = c.in[0][n:]; c.in[0] == "" {
		c.in = c.in[1:]
	}
	return n, nil
}

func (c *piecewise) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *piecewise) SetReadDeadline(time.Time) error  { return nil }
func (c *piecewise) SetWriteDeadline(time.Time) error { return nil }

// A request may arrive in any pieces.
func TestLanePieces(t *testing.T) {
	w := &laneWorld{}
	s := New(Options{MaxHeaderBytes: 1 << 10})
	defer func() { _ = s.Shutdown(t.Context()) }()
	s.Handle("/calls", func(*Ctx) {})
	s.HandleCalls("/calls", "X-Stream", func(c *Call) Pending { return &laneAnswer{w, string(c.Body)} })
	whole := laneCall("a", "Accept: */*\r\nUser-Agent: u\r\nConnection: keep-alive\r\n")
	for cut := 1; cut < len(whole); cut++ {
		pieces := &piecewise{in: []string{whole[:cut], whole[cut:] + whole[:cut], whole[cut:]}}
		c := &conn{Conn: pieces, srv: s}
		if n, err := c.readCalls(make([]byte, 1<<10)); n != 0 || err != io.EOF {
			t.Fatalf("cut at %d: got %d bytes and %v, want the end", cut, n, err)
		}
		if got := strings.Count(pieces.out.String(), "HTTP/1.1 202 Accepted\r\n"); got != 2 {
			t.Fatalf("cut at %d: got %q", cut, pieces.out.String())
		}
	}
	big := laneCall(strings.Repeat("x", 2<<10))
	c := &conn{Conn: &piecewise{in: []string{whole + big}}, srv: s}
	p := make([]byte, 1<<10)
	n, err := c.readCalls(p)
	if rest := string(p[:n]); err != nil || !strings.HasPrefix(big, rest) || n == 0 {
		t.Errorf("got %q and %v, want the beginning of what is too large for the lane", rest, err)
	}
}

// What two programs could read differently is not for the lane: each of these gets
// the answer that it gets without one.
func TestLaneIsStrict(t *testing.T) {
	plain := func(extra string) string { return laneCall("a", extra) }
	for _, raw := range []string{
		plain("Content-Length: 1\r\n"),
		plain("Transfer-Encoding: chunked\r\n"),
		plain("X-A: a\r\n b\r\n"),
		plain("Host: y\r\n"),
		plain("Content-Type: b\r\n"),
		plain("Connection: close\r\n"),
		plain("Expect: 100-continue\r\n"),
		plain("Content-Encoding: gzip\r\n"),
		plain("Accept : x\r\n"),
		plain("Accept: a\x01\r\n"),
		plain("Accept: a\n"),
		strings.Replace(plain(""), "Host: x", "Host: x@y", 1),
		strings.Replace(plain(""), "Host: x\r\n", "", 1),
		strings.Replace(plain(""), "Content-Length: 1", "Content-Length: +1", 1),
		strings.Replace(plain(""), "Content-Length: 1", "Content-Length: 9999999999", 1),
		strings.Replace(plain(""), "Content-Length: 1", "Content-Length: 999999999", 1),
		strings.Replace(plain(""), "HTTP/1.1", "HTTP/1.0", 1),
		strings.Replace(plain(""), "POST", "PUT", 1),
		strings.Replace(plain(""), "/calls", "/calls?x=1", 1),
		strings.Replace(plain(""), "/calls", "/calls/more", 1),
	} {
		w := newLaneWorld(t, nil)
		c := dialRaw(t, w.addr)
		c.say(raw)
		c.answer()
		if taken, _ := w.counts(); taken != 0 {
			t.Errorf("the lane took %q", raw)
		}
	}
}

// A call without an answer, or a handler that panics, ends its connection and
// nothing else.
func TestLaneHangsUp(t *testing.T) {
	w := newLaneWorld(t, nil)
	for _, end := range []string{"hang", "panic"} {
		c := dialRaw(t, w.addr)
		c.say(laneCall("a") + laneCall(end) + laneCall("b"))
		status, _, _ := c.answer()
		if end == "hang" && status != 202 {
			t.Errorf("%s: got %d for the call before", end, status)
		}
		if status == 202 {
			status, _, _ = c.answer()
		}
		if status != 0 {
			t.Errorf("%s: got %d, want the end of the connection", end, status)
		}
	}
	c := dialRaw(t, w.addr)
	c.say(laneCall("a"))
	if status, _, _ := c.answer(); status != 202 {
		t.Errorf("got %d afterwards, want 202", status)
	}
}

// What the server says to a client that asked nothing would be read as the answer to its next call.
func TestIdleLaneIsClosedSilently(t *testing.T) {
	_, addr := start(t, Options{IdleTimeout: time.Second}, func(s *Server) {
		s.Handle("/calls", func(c *Ctx) {})
		s.HandleCalls("/calls", "X-Stream", func(*Call) Pending { return &laneAnswer{&laneWorld{}, ""} })
	})
	c := dialRaw(t, addr)
	c.say(laneCall("a"))
	checkAnswer(t, c, 202, "")
	if status, _, text := c.answer(); status != 0 {
		t.Errorf("got %d %q on an idle connection, want its end", status, text)
	}
}

// FuzzLane compares what the lane finds with what the framer lets pass: a call on the
// lane is one whole request to the framer as well.
func FuzzLane(f *testing.F) {
	for _, c := range rawCases {
		f.Add([]byte(c.raw))
	}
	f.Add([]byte(laneCall("a", "X-Stream: 1\r\n")))
	l := &lane{lines: [][]byte{[]byte("POST /calls HTTP/1.1\r\n")}, field: "x-stream"}
	f.Fuzz(func(t *testing.T, p []byte) {
		call := Call{}
		n, v := l.parse(p, &call, 1<<20)
		if v != forLane {
			return
		}
		fr := framer{maxHeader: 1 << 20, maxBody: 1 << 20}
		if k := fr.accept(p[:n]); k != n || fr.refusal != nil || !fr.atStart() {
			t.Errorf("the lane takes %d bytes of %q, the framer %d, refusal %v", n, p, k, fr.refusal)
		}
	})
}

func TestLaneAllocatesNothing(t *testing.T) {
	l := &lane{lines: [][]byte{[]byte("POST /calls HTTP/1.1\r\n")}, field: "x-stream"}
	raw := []byte(laneCall("abc", "X-Stream: 1\r\n"))
	call := Call{}
	var out []byte
	if n := testing.AllocsPerRun(100, func() {
		if _, v := l.parse(raw, &call, 1<<20); v != forLane {
			t.Fatal(v)
		}
		out = appendAnswer(out[:0], 202, "", raw[:29])
	}); n > 0 {
		t.Errorf("a call allocates %v times", n)
	}
}
