package httpd

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	host  = "Host: x\r\n"
	post  = "POST /echo HTTP/1.1\r\n" + host
	probe = "GET /echo?probe HTTP/1.1\r\n" + host + "\r\n"
)

// rawCases are requests as bytes. A request that is refused for its framing
// must end the connection: what follows it could be anything.
var rawCases = []struct {
	name   string
	raw    string
	status int
	kept   bool
	body   string // substring
}{
	// What must work.
	{"plain GET", "GET /echo HTTP/1.1\r\n" + host + "\r\n", 200, true, `GET /echo ""`},
	{"content-length", post + "Content-Length: 3\r\n\r\nabc", 200, true, `"abc"`},
	{"content-length 0", post + "Content-Length: 0\r\n\r\n", 200, true, `""`},
	{"no length at all", post + "\r\n", 200, true, `""`},
	{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, true, `"abcde"`},
	{"chunked, upper-case hex and value", post + "Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, true, `"0123456789"`},
	{"chunked, empty", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true, `""`},
	{"small chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", 200, true, `"abc"`},
	{"trailer", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", 200, true, `"abc"`},
	{"GET with body", "GET /echo HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nhi", 200, true, `"hi"`},
	{"GET with chunked body", "GET /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, true, `"hi"`},
	{"empty line first", "\r\nGET /echo HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET"},
	{"absolute form", "GET http://x/echo HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET /echo"},
	{"HTTP/1.0", "GET /echo HTTP/1.0\r\n\r\n", 200, false, "GET"},
	{"HTTP/1.0 keep-alive", "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true, "GET"},
	{"connection close", "GET /echo HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", 200, false, "GET"},
	{"escaped path", "GET /%65cho HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET /echo"},
	{"HEAD", "HEAD /echo HTTP/1.1\r\n" + host + "\r\n", 200, true, ""},
	{"expect 100-continue", post + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 100, true, ""},
	{"URL in the query", "GET /echo?u=http://y/z HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET /echo"},
	{"below the route", "GET /echo/x HTTP/1.1\r\n" + host + "\r\n", 200, true, "GET /echo/x"},
	{"other version of 1", "GET /echo HTTP/1.9\r\n" + host + "\r\n", 200, false, "GET"},
	{"delete", "DELETE /echo HTTP/1.1\r\n" + host + "\r\n", 200, true, "DELETE"},

	// What fasthttp by itself lets pass.
	{"length and chunked", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + probe, 400, false, "both Content-Length and Transfer-Encoding"},
	{"chunked and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + probe, 400, false, "both"},
	{"folded header", post + "X-A: a\r\n b\r\n\r\n" + probe, 400, false, "folded"},
	{"folded with tab", post + "X-A: a\r\n\tb\r\n\r\n", 400, false, "folded"},
	{"folded transfer-encoding", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, false, "Transfer-Encoding"},
	{"transfer-encoding identity", post + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", 400, false, "identity"},
	{"bad escape", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400, true, "bad escape"},
	{"cut escape", "GET /a%2 HTTP/1.1\r\n" + host + "\r\n", 400, true, "bad escape"},
	{"NUL escaped", "GET /echo%00 HTTP/1.1\r\n" + host + "\r\n", 400, true, "control character"},
	{"CR LF escaped", "GET /echo%0d%0aX:y HTTP/1.1\r\n" + host + "\r\n", 400, true, "control character"},
	{"unknown expectation", post + "Expect: bogus\r\nContent-Length: 3\r\n\r\n", 417, false, "bogus"},
	{"giant chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n3;" + strings.Repeat("a", 64<<10) + "\r\nabc\r\n0\r\n\r\n", 400, false, "chunk-size line"},
	{"many chunk extensions", post + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 40) + "0\r\n\r\n", 400, false, "chunk extensions"},
	{"chunk extension without a name", post + "Transfer-Encoding: chunked\r\n\r\n3;\r\nabc\r\n0\r\n\r\n", 400, false, "chunk size"},
	{"chunk extension with control bytes", post + "Transfer-Encoding: chunked\r\n\r\n3;a\x01\r\nabc\r\n0\r\n\r\n", 400, false, "chunk size"},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false, "HTTP/2.0"},
	{"bare LF everywhere", "GET /echo HTTP/1.1\nHost: x\n\n", 400, false, "LF alone"},
	{"bare LF in the header", "GET /echo HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400, false, "LF alone"},
	{"bare LF ends the header", "GET /echo HTTP/1.1\r\nHost: x\r\n\n", 400, false, "LF alone"},
	{"bare LF in a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", 400, false, "LF alone"},
	{"folded trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n", 400, false, "folded"},
	{"giant trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("b", 5000) + "\r\n\r\n", 400, false, "trailers"},
	{"HTTP/0.9", "GET /echo\r\n", 400, false, "request line"},
	{"unknown method", "BREW /echo HTTP/1.1\r\n" + host + "\r\n", 501, false, "BREW"},
	{"lower-case method", "get /echo HTTP/1.1\r\n" + host + "\r\n", 501, false, "get"},
	{"TRACE", "TRACE /echo HTTP/1.1\r\n" + host + "\r\n", 501, false, "TRACE"},
	{"CONNECT", "CONNECT x:80 HTTP/1.1\r\n" + host + "\r\n", 501, false, "CONNECT"},
	{"host with user", "GET /echo HTTP/1.1\r\nHost: u@x\r\n\r\n", 400, false, "Host"},
	{"host with path", "GET /echo HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, false, "Host"},
	{"fragment", "GET /echo#a HTTP/1.1\r\n" + host + "\r\n", 400, true, "fragment"},

	// What fasthttp refuses, and must go on refusing.
	{"two lengths", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, false, "twice"},
	{"two different lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, false, "twice"},
	{"list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400, false, "digits"},
	{"negative length", post + "Content-Length: -1\r\n\r\n", 400, false, "digits"},
	{"plus length", post + "Content-Length: +3\r\n\r\nabc", 400, false, "digits"},
	{"hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400, false, "digits"},
	{"length overflow", post + "Content-Length: 18446744073709551619\r\n\r\nabc", 400, false, "digits"},
	{"empty length", post + "Content-Length: \r\n\r\n", 400, false, "digits"},
	{"blank before colon", post + "Content-Length : 3\r\n\r\nabc", 400, false, ""},
	{"blank before colon, chunked", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false, ""},
	{"unknown transfer-encoding", post + "Transfer-Encoding: gzip\r\n\r\n", 501, false, "gzip"},
	{"transfer-encoding list", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, false, ""},
	{"two transfer-encodings", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false, "twice"},
	{"transfer-encoding with VT", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 501, false, ""},
	{"transfer-encoding on 1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false, ""},
	{"NUL in a header", post + "A: b\x00c\r\n\r\n", 400, false, ""},
	{"bare CR in a header", post + "A: b\rc\r\n\r\n", 400, false, ""},
	{"no colon", post + "garbage\r\n\r\n", 400, false, ""},
	{"no host", "GET /echo HTTP/1.1\r\n\r\n", 400, false, ""},
	{"two hosts", "GET /echo HTTP/1.1\r\n" + host + host + "\r\n", 400, false, ""},
	{"relative path", "GET echo HTTP/1.1\r\n" + host + "\r\n", 400, false, ""},
	{"empty path", "GET  HTTP/1.1\r\n" + host + "\r\n", 400, false, ""},
	{"asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400, true, "starts with /"},
	{"bad version", "GET /echo HTTP/1.x\r\n" + host + "\r\n", 400, false, ""},
	{"lower-case version", "GET /echo http/1.1\r\n" + host + "\r\n", 400, false, ""},
	{"two blanks in the request line", "GET  /echo HTTP/1.1\r\n" + host + "\r\n", 400, false, ""},
	{"chunk size 0x", post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"chunk size +", post + "Transfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"chunk size -", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"chunk size _", post + "Transfer-Encoding: chunked\r\n\r\n1_0\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"chunk size 2^64", post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"chunk size empty", post + "Transfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n", 400, false, ""},
	{"LF in chunk framing", post + "Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n", 400, false, "LF alone"},
	{"chunk longer than its size", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n", 400, false, ""},
	{"length in a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n", 400, false, ""},
	{"binary garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", 400, false, ""},

	// Limits and routes.
	{"declared body too long", post + "Content-Length: 20000000\r\n\r\n", 413, false, "got a body of 20000000 bytes, wanted at most 16777216"},
	{"declared chunk too long", post + "Transfer-Encoding: chunked\r\n\r\n2000000\r\n", 413, false, "wanted at most 16777216"},
	{"header too long", post + "A: " + strings.Repeat("b", 17<<10) + "\r\n\r\n", 431, false, "wanted at most"},
	{"many headers", post + strings.Repeat("A: b\r\n", 4<<10) + "\r\n", 431, false, "wanted at most"},
	{"long path", "GET /echo?" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\n" + host + "\r\n", 431, false, "wanted at most"},
	{"unknown path", "GET /nope HTTP/1.1\r\n" + host + "\r\n", 404, true, "/nope"},
	{"root is nobody's prefix", "GET / HTTP/1.1\r\n" + host + "\r\n", 404, true, ""},
	{"dot dot", "GET /echo/../echo HTTP/1.1\r\n" + host + "\r\n", 404, true, "without /.."},
	{"escaped dot dot", "GET /echo/%2e%2e/echo HTTP/1.1\r\n" + host + "\r\n", 404, true, "without /.."},
	{"escaped twice", "GET /%2565cho HTTP/1.1\r\n" + host + "\r\n", 404, true, "/%65cho"},
	{"two slashes", "GET //echo HTTP/1.1\r\n" + host + "\r\n", 200, true, `GET /echo ""`},
}

func TestRawRequests(t *testing.T) {
	s, addr := echoServer(t, Options{})
	for _, tc := range rawCases {
		t.Run(tc.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			if tc.name == "HEAD" {
				c.asked = &http.Request{Method: "HEAD"}
			}
			c.say(tc.raw)
			checkAnswer(t, c, tc.status, tc.body)
			c.asked = nil
			if tc.status == 100 {
				checkAnswer(t, c, 200, `"abc"`)
			}
			checkAfterwards(t, c, tc.kept)
		})
	}
	if m := s.Metrics(); m.Panics != 0 {
		t.Errorf("%d handlers panicked", m.Panics)
	}
}

// Each case again, one byte at a time: the framer must not depend on how TCP
// cuts the bytes.
func TestRawRequestsByteByByte(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of small writes")
	}
	_, addr := echoServer(t, Options{})
	for _, tc := range rawCases {
		if len(tc.raw) > 1000 || tc.name == "HEAD" {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			c := dialRaw(t, addr)
			for i := range len(tc.raw) {
				if _, err := c.Write([]byte(tc.raw[i : i+1])); err != nil {
					break // refused half-way: the answer says so
				}
			}
			checkAnswer(t, c, tc.status, tc.body)
		})
	}
}

func checkAnswer(t *testing.T, c *rawClient, status int, body string) {
	t.Helper()
	got, header, text := c.answer()
	if got != status || !strings.Contains(text, body) {
		t.Fatalf("got %d %q, want %d with %q", got, text, status, body)
	}
	if got == 100 {
		return
	}
	if _, err := time.Parse(time.RFC1123, header.Get("Date")); err != nil {
		t.Errorf("Date %q: %v", header.Get("Date"), err)
	}
	if v := header.Get("Server"); v != "" {
		t.Errorf("got Server %q, want none", v)
	}
	if got >= 400 {
		if text == "" || strings.Contains(text, "\n") || header.Get("Content-Type") != textPlain {
			t.Errorf("a refusal says %q as %q, want one line of plain text", text, header.Get("Content-Type"))
		}
	}
}

// checkAfterwards sends another request: it must be answered if the connection
// was to be kept, and must find the connection closed otherwise.
func checkAfterwards(t *testing.T, c *rawClient, kept bool) {
	t.Helper()
	_, _ = c.Write([]byte(probe)) // may fail: the connection may be closed
	status, _, text := c.answer()
	if kept && status != 200 {
		t.Errorf("the next request got %d %q, want 200", status, text)
	}
	if !kept && status != 0 {
		t.Errorf("the next request got %d %q, want a closed connection", status, text)
	}
}

func TestPipelinedRequestsAnswerInOrder(t *testing.T) {
	_, addr := echoServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(strings.Repeat(post+"Content-Length: 3\r\n\r\nabc"+probe, 50) + "GET /echo HTTP/1.1\nHost: x\n\n")
	for range 50 {
		checkAnswer(t, c, 200, `"abc"`)
		checkAnswer(t, c, 200, `GET /echo ""`)
	}
	checkAnswer(t, c, 400, "LF alone")
	checkAfterwards(t, c, false)
}

func TestSlowRequestIsCut(t *testing.T) {
	_, addr := echoServer(t, Options{ReadTimeout: 100 * time.Millisecond})
	for _, raw := range []string{"GET /echo HTT", post + "Content-Length: 10\r\n\r\nabc"} {
		c := dialRaw(t, addr)
		c.say(raw)
		checkAnswer(t, c, 408, "100ms")
		checkAfterwards(t, c, false)
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	_, addr := echoServer(t, Options{IdleTimeout: time.Second})
	c := dialRaw(t, addr)
	c.say(probe)
	checkAnswer(t, c, 200, "")
	if status, _, text := c.answer(); status != 0 {
		t.Errorf("got %d %q on an idle connection, want its end", status, text)
	}
}

func TestConnectionBounds(t *testing.T) {
	s, addr := echoServer(t, Options{MaxConns: 3, MaxConnsPerIP: 2})
	first, second := dialRaw(t, addr), dialRaw(t, addr)
	for _, c := range []*rawClient{first, second} {
		c.say(probe)
		checkAnswer(t, c, 200, "")
	}
	third := dialRaw(t, addr)
	checkAnswer(t, third, 503, "more than the 2 that are allowed from 127.0.0.1")
	first.Close()
	until(t, "the first connection is gone", func() bool { return s.Metrics().OpenConns == 1 })
	fourth := dialRaw(t, addr)
	fourth.say(probe)
	checkAnswer(t, fourth, 200, "")
	if m := s.Metrics(); m.OverBound != 1 || m.Accepted != 3 {
		t.Errorf("metrics %v, want 1 over bound and 3 accepted", m)
	}
}
