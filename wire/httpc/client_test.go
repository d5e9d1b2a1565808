package httpc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/httpd"
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

func serve(t testing.TB, o httpd.Options, routes map[string]httpd.Handler) (*httpd.Server, string) {
	t.Helper()
	s := httpd.New(o)
	for path, h := range routes {
		s.Handle(path, h)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-done
	})
	return s, "http://" + ln.Addr().String()
}

func newClient(t testing.TB, o httpc.Options) *httpc.Client {
	c := httpc.New(o)
	t.Cleanup(c.Close)
	return c
}

func echo(c *httpd.Ctx) {
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return
	}
	auth, _ := c.RequestHeader("Authorization")
	extra, _ := c.RequestHeader("Mesos-Stream-Id")
	c.SetReplyHeader("X-Seen", string(auth)+" "+string(extra))
	c.Reply(200, "text/plain", fmt.Appendf(nil, "%s %s %s %s", c.Method(), c.RequestURI(), c.Request.Header.ContentType(), body))
}

func TestPostAndGet(t *testing.T) {
	s, base := serve(t, httpd.Options{}, map[string]httpd.Handler{"/echo": echo})
	c := newClient(t, httpc.Options{Headers: []httpc.Field{{Name: "Authorization", Value: "Basic eA=="}}})
	for _, size := range []int{0, 10, 100_000, 5 << 20} {
		body := strings.Repeat("b", size)
		status, h, answer, err := c.Post(t.Context(), base+"/echo?q=1", "application/json", []httpc.Field{{Name: "Mesos-Stream-Id", Value: "s1"}}, []byte(body))
		if err != nil || status != 200 || string(answer) != "POST /echo?q=1 application/json "+body {
			t.Fatalf("%d bytes: got %d, %d bytes, %v", size, status, len(answer), err)
		}
		if got := h.Get("x-seen"); got != "Basic eA== s1" {
			t.Errorf("the server saw %q", got)
		}
	}
	status, _, answer, err := c.Get(t.Context(), base+"/echo")
	if err != nil || status != 200 || !strings.HasPrefix(string(answer), "GET /echo ") {
		t.Errorf("got %d %q %v", status, answer, err)
	}
	if status, _, answer, err := c.Get(t.Context(), base+"/nope"); err != nil || status != 404 || len(answer) == 0 {
		t.Errorf("got %d %q %v, want 404 and a text", status, answer, err)
	}
	if r, err := c.Do(t.Context(), &httpc.Request{Method: "HEAD", URL: base + "/echo"}); err != nil || len(r.Body) != 0 {
		t.Errorf("HEAD got %v %v", r, err)
	}
	if m := s.Metrics(); m.Accepted != 1 {
		t.Errorf("the server saw %d connections, want the one to be kept", m.Accepted)
	}
}

func TestConcurrentPosts(t *testing.T) {
	s, base := serve(t, httpd.Options{}, map[string]httpd.Handler{"/echo": echo})
	c := newClient(t, httpc.Options{MaxIdlePerHost: 4})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 50 {
				body := fmt.Sprint(i, j)
				_, _, answer, err := c.Post(t.Context(), base+"/echo", "", nil, []byte(body))
				if err != nil || !strings.HasSuffix(string(answer), " "+body) {
					t.Errorf("%s: got %q %v", body, answer, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if m := s.Metrics(); m.Requests != 800 {
		t.Errorf("%d requests arrived, want 800", m.Requests)
	}
}

func TestBadRequestsAreNotSent(t *testing.T) {
	c := newClient(t, httpc.Options{})
	for _, url := range []string{"", "x", "ftp://x/", "http://", "http://u@x/", "http://x/ y", "http://x/\r\nA: b", "https://127.0.0.1:1/"} {
		if _, _, _, err := c.Get(t.Context(), url); err == nil {
			t.Errorf("%q was accepted", url)
		}
	}
	_, base := serve(t, httpd.Options{}, map[string]httpd.Handler{"/echo": echo})
	if _, _, _, err := c.Get(t.Context(), base+"/echo", httpc.Field{Name: "A", Value: "b\r\nEvil: 1"}); err == nil {
		t.Error("a header of two lines was accepted")
	}
}

// A follower of Mesos sends clients on with a scheme-relative Location.
func TestRedirectsAreFollowed(t *testing.T) {
	_, leader := serve(t, httpd.Options{}, map[string]httpd.Handler{
		"/echo": echo, "/sub": func(c *httpd.Ctx) {
			c.Stream([]httpd.Header{{Name: "Mesos-Stream-Id", Value: "s9"}}, "application/json", func(st *httpd.Stream) {
				_ = st.Send(recordio.Append(nil, []byte("hello")))
				st.Close()
			})
		},
		"/up": func(c *httpd.Ctx) {
			c.Upgrade("p", func(nc net.Conn, r *bufio.Reader) { _, _ = io.Copy(nc, r) })
		},
	})
	toLeader := func(c *httpd.Ctx) {
		c.ReplyRedirect(strings.TrimPrefix(leader, "http:") + string(c.RequestURI()))
	}
	_, follower := serve(t, httpd.Options{}, map[string]httpd.Handler{
		"/echo": toLeader, "/sub": toLeader, "/up": toLeader,
		"/loop": func(c *httpd.Ctx) { c.ReplyRedirect("/loop") },
		"/bare": func(c *httpd.Ctx) { c.ReplyRedirect("gopher://x/") },
	})
	c := newClient(t, httpc.Options{})
	r, err := c.Do(t.Context(), &httpc.Request{URL: follower + "/echo?a=b", Body: []byte("x")})
	if err != nil || string(r.Body) != "POST /echo?a=b  x" || r.URL != leader+"/echo?a=b" {
		t.Errorf("got %+v %v", r, err)
	}
	if _, _, _, err := c.Get(t.Context(), follower+"/loop"); !errors.Is(err, httpc.ErrRedirects) {
		t.Errorf("a loop gave %v", err)
	}
	if _, _, _, err := c.Get(t.Context(), follower+"/bare"); err == nil {
		t.Error("a redirect to another protocol was followed")
	}
	sub, err := c.Subscribe(t.Context(), &httpc.Request{URL: follower + "/sub", ContentType: "application/json", Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if rec, err := sub.Next(); err != nil || string(rec) != "hello" || sub.StreamID != "s9" || sub.URL != leader+"/sub" {
		t.Errorf("got %q %v from %+v", rec, err, sub)
	}
	if _, err := sub.Next(); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
	nc, br, err := c.Upgrade(t.Context(), &httpc.Request{URL: follower + "/up"}, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "hi\n")
	if line, err := br.ReadString('\n'); err != nil || line != "hi\n" {
		t.Errorf("got %q %v", line, err)
	}
}

func TestContextEndsWhatWaits(t *testing.T) {
	block := make(chan struct{})
	_, base := serve(t, httpd.Options{}, map[string]httpd.Handler{
		"/block": func(c *httpd.Ctx) { <-block },
		"/sub":   func(c *httpd.Ctx) { c.Stream(nil, "a/b", func(*httpd.Stream) {}) },
	})
	t.Cleanup(func() { close(block) }) // before the server shuts down
	c := newClient(t, httpc.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, _, err := c.Get(ctx, base+"/block"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get ended with %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	sub, err := c.Subscribe(ctx, &httpc.Request{URL: base + "/sub"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := sub.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("Next ended with %v", err)
	}
	sub, err = c.Subscribe(t.Context(), &httpc.Request{URL: base + "/sub"})
	if err != nil {
		t.Fatal(err)
	}
	sub.SetSilence(20 * time.Millisecond)
	var netErr net.Error
	if _, err := sub.Next(); !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Errorf("a silent stream ended with %v, want a timeout", err)
	}
}

func TestRefusedSubscription(t *testing.T) {
	_, base := serve(t, httpd.Options{}, map[string]httpd.Handler{"/sub": func(c *httpd.Ctx) { c.ReplyText(403, "framework disconnected") }})
	c := newClient(t, httpc.Options{})
	var status *httpc.StatusError
	if _, err := c.Subscribe(t.Context(), &httpc.Request{URL: base + "/sub"}); !errors.As(err, &status) || status.Status != 403 || status.Text != "framework disconnected" {
		t.Errorf("got %v", err)
	}
	if _, _, err := c.Upgrade(t.Context(), &httpc.Request{URL: base + "/sub"}, "p"); !errors.As(err, &status) || status.Status != 403 {
		t.Errorf("got %v", err)
	}
}

// A connection that the server closed while it was idle is noticed before a
// POST is sent on it, as a POST must not be sent twice.
func TestClosedIdleConnectionIsNotUsed(t *testing.T) {
	s, base := serve(t, httpd.Options{IdleTimeout: time.Second}, map[string]httpd.Handler{"/echo": echo})
	c := newClient(t, httpc.Options{})
	for range 3 {
		if status, _, _, err := c.Post(t.Context(), base+"/echo", "", nil, nil); err != nil || status != 200 {
			t.Fatalf("got %d %v", status, err)
		}
		waitUntil(t, func() bool { return s.Metrics().OpenConns == 0 })
	}
}

func waitUntil(t *testing.T, cond func() bool) {
	t.Helper()
	give := time.NewTimer(patience)
	defer give.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-give.C:
			t.Fatal("gave up waiting")
		case <-tick.C:
		}
	}
}

func TestBackoffGrowsAndRepeats(t *testing.T) {
	run := func(seed uint64) (all []time.Duration) {
		b := httpc.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second, Rand: rand.New(rand.NewPCG(seed, 0))}
		for range 100 {
			all = append(all, b.Next())
		}
		b.Reset()
		return append(all, b.Next())
	}
	a := run(1)
	if fmt.Sprint(a) != fmt.Sprint(run(1)) || fmt.Sprint(a) == fmt.Sprint(run(2)) {
		t.Error("the jitter must follow the seed")
	}
	for i, d := range a {
		top := 2 * time.Second
		if i < 4 {
			top = 100 * time.Millisecond << i
		}
		if i == 100 {
			top = 100 * time.Millisecond
		}
		if d < top/2 || d > top {
			t.Errorf("wait %d is %v, want %v to %v", i, d, top/2, top)
		}
	}
}

// A follower comes back after each loss, tries the next server, and rests
// in between on the simulated clock.
func TestFollowerResubscribes(t *testing.T) {
	_, good := serve(t, httpd.Options{}, map[string]httpd.Handler{"/sub": func(c *httpd.Ctx) {
		c.Stream(nil, "a/b", func(st *httpd.Stream) {
			_ = st.Send(recordio.Append(nil, []byte("event")))
			st.Close()
		})
	}})
	_, bad := serve(t, httpd.Options{}, map[string]httpd.Handler{"/sub": func(c *httpd.Ctx) { c.ReplyText(503, "no leader") }})
	sim := clock.NewSim(time.Unix(0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	var events, waits int
	f := httpc.Follower{
		Client: newClient(t, httpc.Options{}), URLs: []string{bad + "/sub", good + "/sub"},
		Request: func() *httpc.Request { return &httpc.Request{} },
		Handle: func(s *httpc.Subscription) error {
			for {
				if _, err := s.Next(); err != nil {
					return err
				}
				if events++; events == 3 {
					cancel()
				}
			}
		},
		Failed:  func(err error, wait time.Duration) { waits++ },
		Backoff: httpc.Backoff{Rand: rand.New(rand.NewPCG(1, 1)), Clock: sim},
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) || events != 3 || waits != 5 {
				t.Errorf("ended with %v after %d events and %d waits, want 3 and 5", err, events, waits)
			}
			return
		default:
			sim.AdvanceToNext()
		}
	}
}

func BenchmarkPost(b *testing.B) {
	_, base := serve(b, httpd.Options{}, map[string]httpd.Handler{"/call": func(c *httpd.Ctx) { c.ReplyEmpty(202) }})
	c := newClient(b, httpc.Options{})
	body := []byte(strings.Repeat("x", 300))
	b.ReportAllocs()
	for b.Loop() {
		if status, _, _, err := c.Post(context.Background(), base+"/call", "application/json", nil, body); err != nil || status != 202 {
			b.Fatal(status, err)
		}
	}
}
