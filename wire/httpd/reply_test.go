package httpd

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zs(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(b, nil)
}

func TestLongBodiesAreCompressedOnRequest(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 64) // 1024 bytes, the threshold
	_, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/long", func(c *Ctx) { c.Reply(200, "application/json", []byte(long)) })
		s.Handle("/short", func(c *Ctx) { c.Reply(200, "application/json", []byte(long[1:])) })
		s.Handle("/text", func(c *Ctx) { c.ReplyText(400, long) })
	})
	for _, tc := range []struct{ path, accept, want string }{
		{"/long", "", ""}, {"/long", "gzip", "gzip"}, {"/long", "GZIP", "gzip"}, {"/long", "deflate, gzip;q=0.5", "gzip"},
		{"/long", "gzip;q=0", ""}, {"/long", "gzip; q=0.000", ""}, {"/long", "gzip;q=0, *", ""}, {"/long", "*", "gzip"},
		{"/long", "*;q=0.001", "gzip"}, {"/long", "*;q=0", ""}, {"/long", "identity", ""}, {"/long", "gzipped", ""},
		{"/long", "zstd", "zstd"}, {"/long", "gzip, zstd", "zstd"}, {"/long", "gzip;q=1, zstd;q=0.5", "gzip"}, {"/long", "zstd;q=0, gzip", "gzip"},
		{"/short", "gzip", ""}, {"/text", "gzip", "gzip"},
	} {
		c := dialRaw(t, addr)
		header := ""
		if tc.accept != "" {
			header = "Accept-Encoding: " + tc.accept + "\r\n"
		}
		c.say(get(addr, tc.path, header))
		_, h, body := c.answer()
		if got := h.Get("Content-Encoding"); got != tc.want {
			t.Errorf("%s with Accept-Encoding %q came as %q, want %q", tc.path, tc.accept, got, tc.want)
			continue
		}
		want := long
		if tc.path == "/short" {
			want = long[1:]
		}
		if got := inflateFor(t, tc.want, body); got != want {
			t.Errorf("%s with Accept-Encoding %q: got %d bytes, want %d", tc.path, tc.accept, len(got), len(want))
		}
	}
}

func inflateFor(t *testing.T, encoding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(r)
		defer d.Close()
		r = d
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRequestBodiesAreInflatedWithinBounds(t *testing.T) {
	const limit = 100_000
	_, addr := echoServer(t, Options{MaxBodyBytes: limit})
	zeros := make([]byte, 50<<20)
	for _, tc := range []struct {
		name, encoding string
		body           []byte
		status         int
		text           string
	}{
		{"gzip", "gzip", gz([]byte("hello")), 200, `"hello"`},
		{"x-gzip", "x-gzip", gz([]byte("hello")), 200, `"hello"`},
		{"zstd", "zstd", zs([]byte("hello")), 200, `"hello"`},
		{"identity", "identity", []byte("hello"), 200, `"hello"`},
		{"gzip at the limit", "gzip", gz(zeros[:limit]), 200, ``},
		{"gzip over the limit", "gzip", gz(zeros[:limit+1]), 413, "100000"},
		{"gzip bomb", "gzip", gz(zeros), 413, "100000"},
		{"zstd at the limit", "zstd", zs(zeros[:limit]), 200, ``},
		{"zstd bomb", "zstd", zs(zeros), 413, "100000"},
		{"not gzip", "gzip", []byte("hello"), 400, "not gzip"},
		{"cut gzip", "gzip", gz([]byte("hello"))[:20], 400, "broken gzip"},
		{"not zstd", "zstd", []byte("hello"), 400, "zstd"},
		{"brotli", "br", []byte("hello"), 415, `got Content-Encoding "br", wanted gzip, zstd or none`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			c.say(post + "Content-Encoding: " + tc.encoding + "\r\nContent-Length: " + strconv.Itoa(len(tc.body)) + "\r\n\r\n" + string(tc.body))
			checkAnswer(t, c, tc.status, tc.text)
			checkAfterwards(t, c, true)
		})
	}
}

func TestBodyAtTheLimit(t *testing.T) {
	_, addr := echoServer(t, Options{MaxBodyBytes: 1000})
	for n, status := range map[int]int{1000: 200, 1001: 413} {
		c := dialRaw(t, addr)
		c.say(post + "Content-Length: " + strconv.Itoa(n) + "\r\n\r\n" + strings.Repeat("a", n))
		checkAnswer(t, c, status, "")
		c = dialRaw(t, addr)
		c.say(post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("64\r\n"+strings.Repeat("a", 100)+"\r\n", n/100))
		c.say(strconv.FormatInt(int64(n%100), 16) + "\r\n" + strings.Repeat("a", n%100))
		if n%100 > 0 {
			c.say("\r\n0\r\n")
		}
		c.say("\r\n")
		checkAnswer(t, c, status, "")
	}
}

func TestReplies(t *testing.T) {
	_, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/json", func(c *Ctx) { c.ReplyJSON(200, []byte(`{"a":1}`)) })
		s.Handle("/empty", func(c *Ctx) { c.ReplyEmpty(202) })
		s.Handle("/post", func(c *Ctx) { c.ReplyMethodNotAllowed("POST", "PUT") })
		s.Handle("/moved", func(c *Ctx) { c.ReplyRedirect("//h:5050/x\r\nEvil: 1") })
	})
	for _, tc := range []struct {
		path, body string
		status     int
		header     map[string]string
	}{
		{"/json", `{"a":1}`, 200, map[string]string{"Content-Type": "application/json"}},
		{"/json?jsonp=f.g_1", `f.g_1({"a":1})`, 200, map[string]string{"Content-Type": "text/javascript"}},
		{"/json?jsonp=", `({"a":1})`, 200, map[string]string{"Content-Type": "text/javascript"}},
		{"/json?jsonp=f;jsonp=g", `g({"a":1})`, 200, map[string]string{"Content-Type": "text/javascript"}},
		{"/json?jsonp=alert(1)//", `got jsonp="alert(1)//", wanted the name of a function`, 400, nil},
		{"/empty", "", 202, map[string]string{"Content-Length": "0", "Content-Type": ""}},
		{"/post", "got method GET, wanted POST or PUT", 405, map[string]string{"Allow": "POST, PUT"}},
		{"/moved", "", 307, map[string]string{"Location": "//h:5050/xEvil: 1", "Evil": ""}},
	} {
		c := dialRaw(t, addr)
		c.say(get(addr, tc.path))
		status, h, body := c.answer()
		if status != tc.status || body != tc.body {
			t.Errorf("%s: got %d %q, want %d %q", tc.path, status, body, tc.status, tc.body)
		}
		for k, want := range tc.header {
			if got := h.Get(k); got != want {
				t.Errorf("%s: got %s %q, want %q", tc.path, k, got, want)
			}
		}
	}
}

func TestRoutes(t *testing.T) {
	s := New(Options{Actor: "slave(1)"})
	t.Cleanup(s.watch.stop)
	for _, p := range []string{"/", "/state", "/quota", "/files/browse", "/api/v1", "/api/v1/executor"} {
		s.Handle(p, func(c *Ctx) {})
	}
	for target, want := range map[string]string{
		"/": "/", "/state": "/state", "/state/": "/state", "/state/x/y": "/state", "/quota/role?x=/files/browse": "/quota", "/statex": "", "/stat": "",
		"/slave(1)/state": "/state", "/slave%281%29/state": "/state", "/slave(1)": "/", "/slave(1)/": "/", "/slave(2)/state": "", "/slave(1)state": "",
		"/slave(1)/slave(1)/state": "", "/files": "", "/files/browse/": "/files/browse", "/api/v1/executor": "/api/v1/executor", "/api/v1/x": "/api/v1",
		"/state.json": "", "//state": "/state", "/slave(1)//state": "/state", "///slave(1)/state": "/state", "//": "/", "/api//v1": "",
	} {
		var scratch []byte
		path, refusal := requestPath([]byte(target), &scratch)
		if refusal != nil {
			t.Errorf("%s: %v", target, refusal)
			continue
		}
		got := ""
		if r := s.routes.find(path); r != nil {
			got = r.path
		}
		if got != want {
			t.Errorf("%s reaches %q, want %q", target, got, want)
		}
	}
}

func TestBeforeSeesEveryRouteAndMayAnswer(t *testing.T) {
	_, addr := start(t, Options{Actor: "master", Before: func(c *Ctx) bool {
		c.Value = "alice"
		if string(c.Rest()) == "forbidden" {
			c.ReplyText(403, "no")
			return false
		}
		return true
	}}, func(s *Server) {
		s.Handle("/who", func(c *Ctx) { c.ReplyText(200, c.Value.(string)+" "+c.Route()+" "+string(c.Rest())) })
	})
	for path, want := range map[string]string{"/master/who/a": "alice /who a", "/who": "alice /who ", "/who/forbidden": "no"} {
		c := dialRaw(t, addr)
		c.say(get(addr, path))
		if _, _, body := c.answer(); body != want {
			t.Errorf("%s: got %q, want %q", path, body, want)
		}
	}
}

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	s, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/panic", func(c *Ctx) { c.ReplyText(200, "half"); panic("boom") })
		s.Handle("/stream", func(c *Ctx) {
			c.Stream(nil, "a/b", func(*Stream) { panic("boom") })
		})
		s.Handle("/late", func(c *Ctx) {
			c.Stream(nil, "a/b", func(*Stream) {})
			panic("boom")
		})
		s.Handle("/echo", echo)
	})
	for path, status := range map[string]int{"/panic": 500, "/late": 500, "/stream": 200} {
		c := dialRaw(t, addr)
		c.say(get(addr, path))
		r, err := http.ReadResponse(c.br, nil)
		if err != nil || r.StatusCode != status {
			t.Fatalf("%s: got %v %v, want %d", path, r, err, status)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if _, err := c.br.ReadByte(); err == nil {
			t.Errorf("%s: the connection goes on", path)
		}
	}
	until(t, "all is counted and over", func() bool { m := s.Metrics(); return m.Panics == 3 && m.OpenStreams == 0 })
	c := dialRaw(t, addr)
	c.say(probe)
	checkAnswer(t, c, 200, "")
}

// Ten thousand bodies of noise, some claiming to be compressed, some cut off:
// the process lives and its memory stays where it was.
func TestNoiseDoesNotKillOrGrowTheServer(t *testing.T) {
	s, addr := echoServer(t, Options{MaxBodyBytes: 64 << 10})
	rng := rand.New(rand.NewPCG(1, 2))
	c := dialRaw(t, addr)
	var before runtime.MemStats
	for i := range 10_000 {
		if i == 1000 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		body := make([]byte, rng.IntN(2000))
		for j := range body {
			body[j] = byte(rng.Uint32())
		}
		switch encoding := []string{"gzip", "zstd", "", "raw", "cut"}[rng.IntN(5)]; encoding {
		case "raw": // noise where a request should be
			_, _ = c.Write(append([]byte{'x'}, body...))
			_, _ = c.Write([]byte("\n\n"))
			c = replace(t, c, addr)
		case "cut": // half a request
			c.say(post + "Content-Length: 3000\r\n\r\n" + string(body))
			c = replace(t, c, addr)
		default:
			switch encoding { // valid beginnings reach further into the decoders
			case "gzip":
				body = append(gz(body[:len(body)/2])[:10], body...)
			case "zstd":
				body = append(zs(body[:len(body)/2])[:4], body...)
			}
			h := ""
			if encoding != "" {
				h = "Content-Encoding: " + encoding + "\r\n"
			}
			c.say(post + h + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + string(body))
			if status, _, text := c.answer(); status != 200 && status != 400 && status != 413 {
				t.Fatalf("body %d with %q got %d %q", i, encoding, status, text)
			}
		}
	}
	c.Close()
	until(t, "all connections are gone", func() bool { return s.Metrics().OpenConns == 0 })
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes over 9,000 bodies of noise", grown)
	}
	if m := s.Metrics(); m.Panics != 0 {
		t.Errorf("%d handlers panicked", m.Panics)
	}
}

func replace(t *testing.T, c *rawClient, addr string) *rawClient {
	c.Close()
	return dialRaw(t, addr)
}

// The way through routing and reply must not allocate: it is walked by every call.
func TestDispatchCostsNoAllocations(t *testing.T) {
	s := New(Options{Actor: "master"})
	t.Cleanup(s.watch.stop)
	s.Handle("/api/v1/scheduler", func(c *Ctx) {
		if _, err := c.ReadBody(); err != nil {
			c.ReplyError(err)
			return
		}
		c.ReplyEmpty(202)
	})
	var rc fasthttp.RequestCtx
	rc.Init(&fasthttp.Request{}, nil, nil)
	rc.Request.Header.SetMethod("POST")
	rc.Request.SetRequestURI("/master/api/v1/scheduler")
	rc.Request.SetBodyString("{}")
	if n := testing.AllocsPerRun(200, func() { s.dispatch(&rc) }); n > 0 {
		t.Errorf("a call costs %v allocations before its handler, want 0", n)
	}
	if rc.Response.StatusCode() != 202 {
		t.Fatalf("got %d, want 202", rc.Response.StatusCode())
	}
}

func FuzzChooseEncoding(f *testing.F) {
	for _, s := range []string{"gzip", "gzip;q=0", "*;q=0.5,zstd", ";;q=,", "gzip;q=1e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		e := chooseEncoding([]byte(accept))
		lower := strings.ToLower(accept)
		if e == gzipped && !strings.Contains(lower, "gzip") && !strings.Contains(lower, "*") || e == zstandard && !strings.Contains(lower, "zstd") {
			t.Fatalf("%q chose %d", accept, e)
		}
	})
}
