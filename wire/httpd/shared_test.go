package httpd

import (
	"bytes"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// sharedServer answers /body?users=N with one body, made by the first of the requests.
func sharedServer(t *testing.T, body []byte, users int, freed *atomic.Int32) string {
	shared := NewSharedBody(body, identity, users, func() { freed.Add(1) })
	_, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/body", func(c *Ctx) { c.ReplyShared(200, jsonType, shared) })
	})
	return addr
}

func TestSharedBodyReachesEverybodyAndComesBack(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 500_000) // more than sockets hold
	var freed atomic.Int32
	addr := sharedServer(t, body, 3, &freed)
	for i := range 3 {
		if freed.Load() != 0 {
			t.Fatalf("the body was given back after %d of 3 answers", i)
		}
		c := dialRaw(t, addr)
		if i == 2 { // HEAD sends nothing and counts
			c.asked = &http.Request{Method: http.MethodHead}
			c.say("HEAD /body HTTP/1.1\r\nHost: x\r\n\r\n")
			if status, h, got := c.answer(); status != 200 || got != "" || h.Get("Content-Length") != "5000000" {
				t.Fatalf("HEAD: got %d, %d bytes, %v", status, len(got), h)
			}
			continue
		}
		c.say(get(addr, "/body"))
		if status, h, got := c.answer(); status != 200 || got != string(body) || h.Get("Content-Length") != "5000000" {
			t.Fatalf("got %d, %d bytes, %v", status, len(got), h)
		}
	}
	until(t, "the body comes back", func() bool { return freed.Load() > 0 })
	if n := freed.Load(); n != 1 {
		t.Fatalf("the body was given back %d times", n)
	}
}

func TestSharedBodyComesBackFromThoseWhoLeave(t *testing.T) {
	var freed atomic.Int32
	addr := sharedServer(t, make([]byte, 64<<20), 1, &freed)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write([]byte(get(addr, "/body"))); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	until(t, "the body comes back", func() bool { return freed.Load() > 0 })
}

// Each piece is taken in time, but there are many.
func TestSharedBodyIsCutWhenTheWholeTakesTooLong(t *testing.T) {
	var freed atomic.Int32
	body := NewSharedBody(make([]byte, 64<<20), identity, 1, func() { freed.Add(1) })
	_, addr := start(t, Options{WriteTimeout: 200 * time.Millisecond}, func(s *Server) {
		s.Handle("/body", func(c *Ctx) { c.ReplyShared(200, jsonType, body) })
	})
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte(get(addr, "/body"))); err != nil {
		t.Fatal(err)
	}
	took, buf := 0, make([]byte, 16<<10)
	until(t, "the body comes back", func() bool { // while this one still reads, a little each millisecond
		if freed.Load() > 0 {
			return true
		}
		n, _ := nc.Read(buf)
		took += n
		return false
	})
	if took >= 64<<20 {
		t.Error("a reader that takes too long got everything")
	}
}

func TestEncodingAppends(t *testing.T) {
	long, short := bytes.Repeat([]byte("some text "), 1000), []byte("short")
	for _, e := range []Encoding{identity, gzipped, zstandard} {
		got, used := e.Append([]byte("before"), long)
		if used != e || !bytes.HasPrefix(got, []byte("before")) {
			t.Fatalf("%q: got %d bytes in %q", e.name(), len(got), used.name())
		}
		if !e.Plain() && inflateFor(t, e.name(), string(got[len("before"):])) != string(long) {
			t.Errorf("%q: what was compressed is not what is inflated", e.name())
		}
		if got, used := e.Append(nil, short); !used.Plain() || len(got) != 0 {
			t.Errorf("%q: a short body came as %q in %q", e.name(), got, used.name())
		}
	}
}
