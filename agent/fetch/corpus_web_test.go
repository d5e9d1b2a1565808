package fetch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// serve answers every connection with what answer writes after the head of a request.
func serve(t *testing.T, answer func(c net.Conn, path string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				first, err := r.ReadString('\n')
				for line := first; err == nil && line != "\r\n"; {
					line, err = r.ReadString('\n')
				}
				if fields := strings.Fields(first); err == nil && len(fields) > 1 {
					answer(c, fields[1])
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// webCase is a server that does not behave, and what is told of it.
type webCase struct {
	name   string
	answer func(c net.Conn, path string)
	want   string // of the error; "" if the file is taken
}

// stallTimeout is how long a fetch waits for a server. One that answers gets the time that a busy machine
// takes; one that says nothing at some point is waited for in full, and two seconds ask a slow one for two bytes.
func (c webCase) stallTimeout() time.Duration {
	if c.want == "stalled" || c.want == "timeout" {
		return 2 * time.Second
	}
	return 30 * time.Second
}

func says(text string) func(net.Conn, string) {
	return func(c net.Conn, _ string) { _, _ = io.WriteString(c, text) }
}

func answer(status, headers, body string) func(net.Conn, string) {
	return says("HTTP/1.1 " + status + "\r\n" + headers + "Connection: close\r\n\r\n" + body)
}

// forever writes until the other side has had enough.
func forever(first, more string) func(net.Conn, string) {
	return func(c net.Conn, _ string) {
		_, err := io.WriteString(c, first)
		for err == nil {
			_, err = io.WriteString(c, more)
		}
	}
}

// slowly writes a byte every so often.
func slowly(first string) func(net.Conn, string) {
	return func(c net.Conn, _ string) {
		_, err := io.WriteString(c, first)
		tick := time.NewTicker(1100 * time.Millisecond)
		defer tick.Stop()
		for err == nil {
			<-tick.C
			_, err = io.WriteString(c, "x")
		}
	}
}

var webCases = []webCase{
	{"status 404", answer("404 Not Found", "", "x"), "404"},
	{"status 500", answer("500 Internal Server Error", "", "x"), "500"},
	{"status 301 to nowhere", answer("301 Moved", "", ""), "301"},
	{"status 304", answer("304 Not Modified", "", ""), "304"},
	{"status 999", answer("999 Made Up", "", ""), "999"},
	{"status 100 for ever", forever("", "HTTP/1.1 100 Continue\r\n\r\n"), "exceeded"},
	{"no status", says("hello\r\n\r\n"), "malformed"},
	{"an answer of an older kind", says("<html>hello</html>"), "malformed"},
	{"nothing at all", says(""), "EOF"},
	{"a status line without end", forever("HTTP/1.1 200 ", strings.Repeat("O", 4096)), "exceeded"},
	{"headers without end", forever("HTTP/1.1 200 OK\r\n", strings.Repeat("X-More: of the same\r\n", 100)), "exceeded"},
	{"one header without end", forever("HTTP/1.1 200 OK\r\nX-More: ", strings.Repeat("m", 4096)), "exceeded"},
	{"a negative length", answer("200 OK", "Content-Length: -1\r\n", "x"), "Content-Length"},
	{"two lengths", answer("200 OK", "Content-Length: 1\r\nContent-Length: 2\r\n", "xy"), "Content-Length"},
	{"a length that is too long", answer("200 OK", "Content-Length: 100\r\n", "x"), "unexpected EOF"},
	{"a length of 8 EiB", answer("200 OK", "Content-Length: 9223372036854775807\r\n", "x"), "unexpected EOF"},
	{"chunks that are none", answer("200 OK", "Transfer-Encoding: chunked\r\n", "zz\r\nx"), "chunk"},
	{"a chunk of 8 EiB", answer("200 OK", "Transfer-Encoding: chunked\r\n", "7fffffffffffffff\r\nx"), "unexpected EOF"},
	{"a chunk beyond 64 bits", answer("200 OK", "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nx"), "chunk"},
	{"chunks without an end", answer("200 OK", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n"), "unexpected EOF"},
	{"a body without end", forever("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 64<<10)), "longer than"},
	{"chunks for ever", forever("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat("x", 4096)+"\r\n"), "longer than"},
	{"silence before the status", func(c net.Conn, _ string) { _, _ = io.Copy(io.Discard, c) }, "timeout"},
	{"silence in the body", func(c net.Conn, p string) {
		answer("200 OK", "Content-Length: 9\r\n", "x")(c, p)
		_, _ = io.Copy(io.Discard, c)
	}, "stalled"},
	{"a byte now and then", slowly("HTTP/1.1 200 OK\r\n\r\n"), "stalled"},
	{"a redirect to a file", answer("302 Found", "Location: file:///etc/passwd\r\n", ""), "scheme"},
	{"a redirect to another scheme", answer("302 Found", "Location: ftp://127.0.0.1/x\r\n", ""), "scheme"},
	{"a redirect to a scheme with big letters", answer("302 Found", "Location: FILE:///etc/passwd\r\n", ""), "scheme"},
	{"a redirect to the metadata", answer("302 Found", "Location: http://169.254.169.254/latest\r\n", ""), "link-local"},
	{"a redirect to the metadata, kept as it was asked", answer("307 Temporary", "Location: http://169.254.169.254/latest\r\n", ""), "link-local"},
	{"a redirect to the metadata in IPv6", answer("302 Found", "Location: http://[::ffff:169.254.169.254]/latest\r\n", ""), "link-local"},
	{"a redirect to the metadata in hexadecimal", answer("302 Found", "Location: http://[::ffff:a9fe:a9fe]/latest\r\n", ""), "link-local"},
	{"a redirect to the metadata behind NAT64", answer("302 Found", "Location: http://[64:ff9b::a9fe:a9fe]/latest\r\n", ""), "link-local"},
	{"a redirect to the metadata with a name and a password", answer("302 Found", "Location: http://a:b@169.254.169.254/\r\n", ""), "link-local"},
	{"a redirect to itself", answer("302 Found", "Location: /again\r\n", ""), "redirects"},
	{"a redirect to no URL", answer("302 Found", "Location: http://[\r\n", ""), "Location"},
	{"a name in the disposition", answer("200 OK", "Content-Disposition: attachment; filename=../../escaped\r\nContent-Length: 1\r\n", "x"), ""},
	{"an encoding that is a bomb", answer("200 OK", "Content-Encoding: gzip\r\n", string(gz(make([]byte, 1<<20)))), ""},
	{"a type that is an archive", answer("200 OK", "Content-Type: application/x-tar\r\n", string(pack(head{name: "../escaped"}))), ""},
	{"a body of nothing", answer("204 No Content", "", ""), ""},
	{"more than it said", answer("200 OK", "Content-Length: 1\r\n", "xyz"), ""},
}

// Whatever a server does, the fetch ends, and says why.
func TestHostileServers(t *testing.T) {
	for _, c := range webCases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			url := serve(t, c.answer)
			goroutines, fds := runtime.NumGoroutine(), descriptors(t)
			o := Options{MaxBytes: 1 << 20, StallTimeout: c.stallTimeout()}
			err := New(o).Fetch(context.Background(), s.root, []*mesos.CommandInfo_URI{uri(url + "/dir/file")}, sandbox.Owner{})
			told(t, err, c.want)
			for _, d := range s.damage(t) {
				t.Errorf("outside the sandbox: %s", d)
			}
			if entries, bytes := s.contents(t); entries > 3 || bytes > 2<<20 {
				t.Errorf("left %d entries and %d bytes", entries, bytes)
			}
			waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines+1 && descriptors(t) <= fds })
		})
	}
}

func told(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("got no error, want one about %q", want)
	case err != nil && (want == "" || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want an error about %q", err, want)
	case err != nil:
		tellable(t, err)
	}
}

// What URIs and the names they ask for must not do.
func TestHostileURIs(t *testing.T) {
	special := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(special, "pipe"), 0o600))
	must(t, os.Symlink("loop", filepath.Join(special, "loop")))
	socket, err := net.Listen("unix", filepath.Join(special, "socket"))
	must(t, err)
	defer socket.Close()
	file := filepath.Join(special, "file")
	must(t, os.WriteFile(file, []byte("x"), 0o644))
	server := serve(t, answer("200 OK", "", "x"))
	for _, c := range []struct{ name, uri, output, want string }{
		{"output: parent", file, "../escaped", leadsOut},
		{"output: absolute", file, "/tmp/escaped", leadsOut},
		{"output: parent in the middle", file, "a/../../escaped", leadsOut},
		{"output: the sandbox", file, ".", "the sandbox itself"},
		{"output: down and up", file, "a/..", "the sandbox itself"},
		{"output: zero byte", file, "a\x00b", "zero byte"},
		{"output: long", file, strings.Repeat("n", 5000), "name has 5000 bytes"},
		{"output: long part", file, strings.Repeat("n", 256), "too long"},
		{"output: deep", file, strings.Repeat("d/", 200) + "f", "levels"},
		{"output: far too deep", file, strings.Repeat("d/", 500_000) + "f", "name has 1000001 bytes"},
		{"output: control characters", file, "../\x1b[2J", leadsOut},
		{"output: through a link out", file, "out/escaped", escapes},
		{"output: over a directory with something in it", file, "full", "not empty"},
		{"output: below a file", file, "resident/f", "not a directory"},
		{"file: pipe", "file://" + special + "/pipe", "", "want a regular file"},
		{"file: socket", special + "/socket", "", "no such device"},
		{"file: directory", special, "", "want a regular file"},
		{"file: device", "/dev/zero", "", "want a regular file"},
		{"file: terminal", "/dev/ptmx", "", "want a regular file"},
		{"file: circle of links", special + "/loop", "", "too many"},
		{"file: missing", special + "/missing", "", "no such file"},
		{"file: host", "file://elsewhere" + file, "", "names host"},
		{"file: zero byte", file + "\x00", "", "zero byte"},
		{"file: the root", "/", "", "names no file"},
		{"web: no host", "http:///file", "", "no Host"},
		{"web: no file", server + "/", "", "names no file"},
		{"web: only dots", server + "/a/..", "", "names no file"},
		{"web: dots in code", server + "/%2e%2e", "", "names no file"},
		{"web: slash in code", server + "/..%2f..%2fescaped", "", ""},
		{"web: zero in code", server + "/a%00b", "", "zero byte"},
		{"web: line feed in code", server + "/a%0d%0ab", "", ""},
		{"web: bad code", server + "/%zz", "", "invalid URL escape"},
		{"web: long name", server + "/" + strings.Repeat("n", 300), "", "too long"},
		{"web: far too long name", server + "/" + strings.Repeat("n", 1<<20), "", "bytes"},
		{"web: port that is none", "http://127.0.0.1:99999/f", "", "port"},
		{"web: refused", "http://127.0.0.1:1/f", "", "refused"},
		{"web: metadata", "http://169.254.169.254/f", "", "link-local"},
		{"web: metadata as a number", "http://[::ffff:169.254.169.254]:80/f", "", "link-local"},
		{"web: metadata of another cloud", "http://100.100.100.200/f", "", "metadata"},
		{"web: zone", "http://[fe80::1%25lo]/f", "", "link-local"},
		{"web: multicast", "http://224.0.0.1/f", "", "multicast"},
		{"scheme: none", "relative", "", "relative URI"},
		{"scheme: unknown", "gopher://127.0.0.1/f", "", "scheme is"},
		{"scheme: data", "data:text/plain,x", "", "names no file"},
		{"scheme: script", "javascript:alert(1)", "", "names no file"},
		{"scheme: too long", strings.Repeat("s", 1<<16) + "://host/f", "", "scheme is"},
		{"scheme: long, with a long rest", "x://host/" + strings.Repeat("f", 200) + "?" + strings.Repeat("q", 1<<16), "", "scheme is"},
		{"web: long query", server + "/f?" + strings.Repeat("q", 1<<19), "", ""},
		{"web: long query, nobody there", "http://127.0.0.1:1/f?" + strings.Repeat("q", 1<<19), "", "refused"},
		{"web: long bad query", "http://127.0.0.1:1/f\x7f?" + strings.Repeat("q", 1<<19), "", "invalid control"},
		{"nothing", "", "", "relative URI"},
		{"spaces", "   ", "", "relative URI"},
		{"control characters", "http://127.0.0.1/\x1b[2J", "", "invalid control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			must(t, os.Symlink("../dir", filepath.Join(s.dir, "out")))
			must(t, os.MkdirAll(filepath.Join(s.dir, "full/of"), 0o755))
			must(t, os.MkdirAll(filepath.Join(s.dir, "a"), 0o755))
			u := uri(c.uri)
			if c.output != "" {
				u.OutputFile = &c.output
			}
			err := s.fetch(Options{MaxBytes: 1 << 20}, u)
			told(t, err, c.want)
			for _, d := range s.damage(t) {
				t.Errorf("outside the sandbox: %s", d)
			}
		})
	}
}

func TestAddressesBehindTranslators(t *testing.T) {
	o := Options{Deny: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for addr, refused := range map[string]bool{
		"64:ff9b::a9fe:a9fe": true, "2002:a9fe:a9fe::1": true, "64:ff9b::a01:203": true, "2002:a01:203::": true,
		"64:ff9b::808:808": false, "2002:808:808::": false, "2001:db8::a9fe:a9fe": false,
	} {
		if err := o.checkAddress(netip.MustParseAddr(addr), 80); (err != nil) != refused {
			t.Errorf("%s: got %v, want refused=%v", addr, err, refused)
		}
	}
}

// FuzzArchives gives every extractor anything.
func FuzzArchives(f *testing.F) {
	for i, suffix := range suffixes {
		f.Add(uint8(i), archiveOf(suffix))
	}
	for i, c := range tarSituations() {
		if strings.HasSuffix(c.file, ".tar") && i%4 == 0 {
			if data := c.data("/outer"); len(data) < 4<<10 {
				f.Add(uint8(0), data)
			}
		}
	}
	for i, c := range zipSituations() {
		if data := c.data("/outer"); i%4 == 0 && len(data) < 4<<10 {
			f.Add(uint8(5), data)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		s := newScene(t)
		path := filepath.Join(t.TempDir(), "x"+suffixes[int(kind)%len(suffixes)])
		must(t, os.WriteFile(path, data, 0o600))
		err := New(Options{MaxBytes: 1 << 16, MaxEntries: 16}).Fetch(t.Context(), s.root, []*mesos.CommandInfo_URI{uri(path)}, sandbox.Owner{})
		if err != nil {
			tellable(t, fmt.Errorf("%w", err))
		}
		for _, d := range s.damage(t) {
			t.Errorf("outside the sandbox: %s", d)
		}
		if entries, bytes := s.contents(t); entries > 16+maxDepth+8 || bytes > 1<<16+int64(len(data))+1024 {
			t.Errorf("left %d entries and %d bytes", entries, bytes)
		}
	})
}
