package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const recordPost = "POST /in HTTP/1.1\r\n" + host + "Content-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"

// incomingServer answers with what its body was, or what was wrong with it.
func incomingServer(t testing.TB, o Options, each func(*Incoming, []byte)) string {
	o.StreamRecordIO = true
	_, addr := start(t, o, func(s *Server) {
		s.Handle("/in", func(c *Ctx) {
			in, err := c.Incoming()
			if err != nil {
				c.ReplyError(err)
				return
			}
			var all bytes.Buffer
			buf := make([]byte, 7)
			for {
				n, err := in.Read(buf)
				all.Write(buf[:n])
				if each != nil {
					each(in, buf[:n])
				}
				switch {
				case err == io.EOF:
					c.Reply(200, "text/plain", fmt.Appendf(nil, "%q", all.String()))
					return
				case err != nil:
					c.ReplyError(err)
					return
				}
			}
		})
		s.Handle("/echo", echo)
	})
	return addr
}

func TestIncomingBodies(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, raw string
		status    int
		body      string
	}{
		{"one chunk", recordPost + "3\r\nabc\r\n0\r\n\r\n", 200, `"abc"`},
		{"several chunks, extension, trailer", recordPost + "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", 200, `"abc0123456789"`},
		{"empty", recordPost + "0\r\n\r\n", 200, `""`},
		{"known length", strings.Replace(recordPost, "Transfer-Encoding: chunked", "Content-Length: 3", 1) + "abc", 200, `"abc"`},
		{"bad chunk size", recordPost + "zz\r\nabc\r\n0\r\n\r\n", 400, "chunk size"},
		{"chunk without its end", recordPost + "3\r\nabcd\r\n0\r\n\r\n", 400, "wanted CR LF"},
		{"long chunk line", recordPost + "3;" + long + "\r\nabc\r\n0\r\n\r\n", 400, "chunk-size line"},
		{"bare LF", recordPost + "3\nabc\r\n0\r\n\r\n", 400, "LF alone"},
		{"compressed", strings.Replace(recordPost, "Host", "Content-Encoding: gzip\r\nHost", 1) + "0\r\n\r\n", 415, "gzip"},
		{"to a handler that knows nothing of it", strings.Replace(recordPost, "/in", "/echo", 1) + "3\r\nabc\r\n0\r\n\r\n", 200, `""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dialRaw(t, incomingServer(t, Options{}, nil))
			conn.say(c.raw)
			status, _, body := conn.answer()
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("got %d %q, want %d with %q", status, body, c.status, c.body)
			}
		})
	}
}

// The header may come in pieces, with the body behind it in the same packet.
func TestIncomingInPieces(t *testing.T) {
	conn := dialRaw(t, incomingServer(t, Options{}, nil))
	for _, b := range []byte(recordPost + "3\r\nabc\r\n0\r\n\r\n") {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, body := conn.answer(); status != 200 || body != `"abc"` {
		t.Errorf("got %d %q", status, body)
	}
	if _, err := conn.br.ReadByte(); err == nil {
		t.Error("the connection stays open, want it closed after the answer")
	}
}

// A body may be longer than any other, and last longer than a request may.
func TestIncomingHasNoLimitOfBytesAndTime(t *testing.T) {
	addr := incomingServer(t, Options{MaxBodyBytes: 10, ReadTimeout: 50 * time.Millisecond}, nil)
	conn := dialRaw(t, addr)
	conn.say(recordPost + "8\r\n01234567\r\n")
	<-time.After(150 * time.Millisecond) // longer than ReadTimeout
	conn.say("8\r\n01234567\r\n0\r\n\r\n")
	if status, _, body := conn.answer(); status != 200 || body != `"0123456701234567"` {
		t.Errorf("got %d %q", status, body)
	}
}

// A handler may answer while the client is still sending.
func TestInterruptIncoming(t *testing.T) {
	addr := incomingServer(t, Options{}, func(in *Incoming, b []byte) {
		if len(b) > 0 {
			go in.Interrupt()
		}
	})
	conn := dialRaw(t, addr)
	conn.say(recordPost + "3\r\nabc\r\n")
	if status, _, body := conn.answer(); status != 500 || body != ErrInterrupted.Error() {
		t.Errorf("got %d %q, want 500 %q", status, body, ErrInterrupted)
	}
}

// Who does not read what comes is not sent more than the sockets hold.
func TestIncomingPressesBack(t *testing.T) {
	release := make(chan struct{})
	held := false
	addr := incomingServer(t, Options{}, func(in *Incoming, b []byte) {
		if !held {
			held = true
			<-release
		}
		in.Interrupt()
	})
	conn := dialRaw(t, addr)
	conn.say(recordPost)
	chunk := []byte("10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n")
	sent := 0
	for sent < 1<<28 {
		if err := conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Write(chunk)
		sent += n
		if err != nil {
			break
		}
	}
	close(release)
	if sent >= 1<<28 {
		t.Errorf("the server took %d bytes that nobody read", sent)
	}
}

func TestPeerGone(t *testing.T) {
	states := make(chan bool)
	_, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/wait", func(c *Ctx) {
			states <- c.PeerGone()
			until(t, "the client is gone", c.PeerGone)
			states <- true
		})
	})
	conn := dialRaw(t, addr)
	conn.say("GET /wait HTTP/1.1\r\n" + host + "\r\n")
	if <-states {
		t.Error("a client that waits counts as gone")
	}
	conn.Close()
	select {
	case <-states:
	case <-time.After(patience):
		t.Fatal("a client that has hung up does not count as gone")
	}
}

func TestIncomingFromGoClient(t *testing.T) {
	addr := incomingServer(t, Options{}, nil)
	r, w := io.Pipe()
	go func() {
		for i := range 3 {
			fmt.Fprintf(w, "line %d\n", i)
		}
		w.Close()
	}()
	resp, err := http.Post("http://"+addr+"/in", "application/recordio", r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if string(body) != `"line 0\nline 1\nline 2\n"` {
		t.Errorf("got %s", body)
	}
}
