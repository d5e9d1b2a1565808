package httpd

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func newFramer() *framer { return &framer{maxHeader: 16 << 10, maxBody: 16 << 20} }

// feed passes data in pieces of the given sizes (repeated; none: at once) and
// returns what the parser would have seen.
func feed(f *framer, data []byte, sizes ...int) (seen []byte) {
	for i := 0; len(data) > 0 && f.refusal == nil; i++ {
		n := len(data)
		if len(sizes) > 0 {
			n = min(n, sizes[i%len(sizes)])
		}
		k := f.accept(data[:n])
		if k < 0 || k > n {
			panic("accept returned " + strconv.Itoa(k) + " of " + strconv.Itoa(n))
		}
		seen = append(seen, data[:k]...)
		data = data[n:]
	}
	return seen
}

func verdict(f *framer) string {
	if f.refusal == nil {
		return "fine"
	}
	return strconv.Itoa(f.refusal.Status)
}

// tokens make bytes that look like HTTP often enough to get somewhere.
var tokens = []string{
	"GET /a HTTP/1.1", "POST /a?b=c HTTP/1.1", "PRI * HTTP/2.0", "Host: x", "Content-Length: 3", "Content-Length: 0", "content-length:12",
	"Transfer-Encoding: chunked", "transfer-encoding:\tchunked", "Transfer-Encoding: identity", "Expect: 100-continue", "Expect: x", "\r\n", "\r\n", "\r\n",
	"\r\n\r\n", "\n", "\r", " ", "\t", "abc", "3", "0", "a", "5;x=y", ";", ":", "\x00", "0\r\n\r\n", "3\r\nabc\r\n",
}

func drawBytes(t *rapid.T) []byte {
	var b []byte
	for _, s := range rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 24).Draw(t, "tokens") {
		b = append(b, s...)
	}
	return b
}

// The verdict does not depend on how the bytes are cut, and what passes is a
// prefix of what came, the same one up to the refused line.
func TestFramerIgnoresHowBytesAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawBytes(t)
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 8).Draw(t, "sizes")
		whole, cut := newFramer(), newFramer()
		a, b := feed(whole, data), feed(cut, data, sizes...)
		if verdict(whole) != verdict(cut) {
			t.Fatalf("%q: whole %s, cut %s", data, verdict(whole), verdict(cut))
		}
		if !bytes.HasPrefix(data, a) || !bytes.Equal(a, b) {
			t.Fatalf("%q: whole passed %q, cut passed %q", data, a, b)
		}
	})
}

// checkAgainstNetHTTP parses what the framer lets pass with the standard
// library's parser: it must find the same bodies and the same ends.
func checkAgainstNetHTTP(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte) {
	t.Helper()
	f := newFramer()
	seen := feed(f, data)
	if f.refusal != nil || f.phase != atRequestLine || len(f.carry) > 0 {
		return // refused or incomplete: nobody acts on the rest
	}
	br := bufio.NewReader(bytes.NewReader(seen))
	for {
		for { // the framer ignores empty lines before a request; so may net/http
			p, _ := br.Peek(2)
			if string(p) != "\r\n" {
				break
			}
			_, _ = br.Discard(2)
		}
		r, err := http.ReadRequest(br)
		if err == io.EOF {
			return
		}
		if err != nil {
			return // the parser behind the framer refuses, which is as good
		}
		if _, err := io.ReadAll(r.Body); err != nil {
			if r.Header.Get("Trailer") == "" && len(r.TransferEncoding) == 0 {
				t.Fatalf("%q passed, but the body of %s %s ends in %v", data, r.Method, r.URL, err)
			}
			return
		}
	}
}

func TestFramerAgreesWithNetHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkAgainstNetHTTP(t, drawBytes(t)) })
}

func FuzzFramer(f *testing.F) {
	for _, tc := range rawCases {
		if len(tc.raw) < 2000 {
			f.Add([]byte(tc.raw), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		whole, cut := newFramer(), newFramer()
		a := feed(whole, data)
		b := feed(cut, data, int(size)+1)
		if verdict(whole) != verdict(cut) || !bytes.Equal(a, b) {
			t.Fatalf("%q: whole %s %q, cut by %d %s %q", data, verdict(whole), a, size, verdict(cut), b)
		}
		checkAgainstNetHTTP(t, data)
	})
}

func FuzzRequestPath(f *testing.F) {
	for _, s := range []string{"/", "/a%20b?c", "http://x/y", "/a/../b", "/%2e%2e/", "/%", "*", "//x", "/a#b", "\x00", "http://"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		var scratch []byte
		path, refusal := requestPath(target, &scratch)
		if refusal != nil {
			if refusal.Status != 400 && refusal.Status != 404 {
				t.Fatalf("%q refused with %d", target, refusal.Status)
			}
			return
		}
		if len(path) == 0 || path[0] != '/' || bytes.Contains(path, []byte("/..")) {
			t.Fatalf("%q became path %q", target, path)
		}
	})
}

func TestFramerCostsNoAllocations(t *testing.T) {
	f := newFramer()
	request := []byte(usualRequest)
	if n := testing.AllocsPerRun(100, func() {
		if f.accept(request) != len(request) {
			t.Fatal(f.refusal)
		}
	}); n != 0 {
		t.Errorf("examining a request allocates %v times, want 0", n)
	}
}

const usualRequest = "POST /api/v1/scheduler HTTP/1.1\r\nHost: 10.0.0.1:5050\r\nUser-Agent: Apache-HttpClient/4.5\r\n" +
	"Accept: application/json\r\nContent-Type: application/json\r\nMesos-Stream-Id: 370ee130-563d-4dec-95df-aee67e404a0c\r\n" +
	"Accept-Encoding: gzip\r\nContent-Length: 16\r\n\r\n0123456789abcdef"

func BenchmarkFramer(b *testing.B) {
	f := newFramer()
	request := []byte(usualRequest)
	b.ReportAllocs()
	for b.Loop() {
		f.accept(request)
	}
}

func BenchmarkRequestPath(b *testing.B) {
	r := routes{}
	r.init("master")
	r.add("/api/v1/scheduler", func(*Ctx) {})
	var scratch []byte
	target := []byte("/api/v1/scheduler")
	b.ReportAllocs()
	for b.Loop() {
		path, _ := requestPath(target, &scratch)
		if r.find(path) == nil {
			b.Fatal("not found")
		}
	}
}
