package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// streamServer hands its streams to the returned channel.
func streamServer(t testing.TB, o Options) (*Server, string, chan *Stream) {
	streams := make(chan *Stream, 16)
	s, addr := start(t, o, func(s *Server) {
		s.Handle("/subscribe", func(c *Ctx) {
			c.Stream([]Header{{"Mesos-Stream-Id", "id-1"}}, "application/json", func(st *Stream) { streams <- st })
		})
		s.Handle("/echo", echo)
	})
	return s, addr, streams
}

const subscribe = "POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

func receive[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("gave up waiting for %s", what)
	}
	return v
}

func TestStreamDeliversAtOnceAndEndsInOrder(t *testing.T) {
	s, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	r, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("Mesos-Stream-Id") != "id-1" || r.Header.Get("Content-Type") != "application/json" ||
		len(r.TransferEncoding) != 1 || r.TransferEncoding[0] != "chunked" || r.Header.Get("Date") == "" || !r.Close {
		t.Fatalf("got header %v %v", r.Header, r.TransferEncoding)
	}
	big := bytes.Repeat([]byte("b"), 100<<10)
	go func() {
		_ = st.Send([]byte("one"))
		_ = st.SendBatch([]byte("two"), nil, []byte("three"))
		_ = st.SendBatch(big, []byte("end"))
		_ = st.Send(nil) // must not look like the end
		_ = st.Send([]byte("!"))
		st.Close()
	}()
	body, err := io.ReadAll(r.Body)
	if want := "onetwothree" + string(big) + "end!"; err != nil || string(body) != want {
		t.Fatalf("got %d bytes and %v, want %d", len(body), err, len(want))
	}
	if _, err := c.br.ReadByte(); err != io.EOF {
		t.Errorf("after the stream: %v, want EOF", err)
	}
	<-st.Closed()
	if err := st.Send([]byte("x")); !errors.Is(err, ErrStreamClosed) || !errors.Is(st.Err(), ErrStreamClosed) {
		t.Errorf("Send after Close: %v, Err %v", err, st.Err())
	}
	until(t, "nothing is open", func() bool { m := s.Metrics(); return m.OpenStreams == 0 && m.OpenConns == 0 })
}

// Clients that take one chunk for one record are in use.
func TestOneRecordIsOneChunk(t *testing.T) {
	_, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	if err := st.SendBatch([]byte("5\nhello"), []byte("2\nhi")); err != nil {
		t.Fatal(err)
	}
	st.Close()
	all, err := io.ReadAll(c.br)
	if err != nil || !strings.HasSuffix(string(all), "\r\n\r\n7\r\n5\nhello\r\n4\r\n2\nhi\r\n0\r\n\r\n") {
		t.Errorf("got %q %v", all, err)
	}
}

func TestStreamToHTTP10EndsWithTheConnection(t *testing.T) {
	_, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say("POST /subscribe HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
	st := receive(t, "the stream", streams)
	_ = st.Send([]byte("abc"))
	st.Close()
	all, _ := io.ReadAll(c.br)
	if !strings.HasSuffix(string(all), "\r\n\r\nabc") || strings.Contains(string(all), "chunked") {
		t.Errorf("got %q, want an unframed body", all)
	}
}

// A peer that goes away is noticed without a send.
func TestPeerCloseIsNoticed(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn){
		"close":       func(c *net.TCPConn) { c.Close() },
		"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
		"close write": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"close with bytes behind the request": func(c *net.TCPConn) {
			_, _ = c.Write([]byte(probe + "garbage"))
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, addr, streams := streamServer(t, Options{})
			c := dialRaw(t, addr)
			c.say(subscribe)
			st := receive(t, "the stream", streams)
			called := make(chan error, 2)
			st.OnClose(func() { called <- st.Err() })
			if err := st.Err(); err != nil {
				t.Fatalf("an open stream says %v", err)
			}
			leave(c.Conn.(*net.TCPConn))
			receive(t, "the end of the stream", st.Closed())
			if err := receive(t, "OnClose", called); !errors.Is(err, ErrPeerClosed) {
				t.Errorf("the stream ended with %v, want ErrPeerClosed", err)
			}
			st.OnClose(func() { called <- nil }) // too late: called at once
			if len(called) != 1 {
				t.Error("OnClose of an ended stream was not called")
			}
			until(t, "the connection is gone", func() bool { return s.Metrics().OpenConns == 0 })
		})
	}
}

// The same over a connection that is no socket: a reading goroutine notices.
func TestPeerCloseIsNoticedWithoutASocket(t *testing.T) {
	streams := make(chan *Stream, 1)
	s := New(Options{})
	s.Handle("/subscribe", func(c *Ctx) { c.Stream(nil, "a/b", func(st *Stream) { streams <- st }) })
	near, far := net.Pipe()
	c := &conn{Conn: far, srv: s}
	c.framer.maxHeader, c.framer.maxBody = s.opts.MaxHeaderBytes, s.opts.MaxBodyBytes
	served := make(chan struct{})
	go func() { defer close(served); _ = s.fast.ServeConn(c) }()
	go func() { _, _ = io.WriteString(near, subscribe) }()
	br := bufio.NewReader(near)
	if r, err := http.ReadResponse(br, nil); err != nil || r.StatusCode != 200 {
		t.Fatal(r, err)
	}
	st := receive(t, "the stream", streams)
	near.Close()
	receive(t, "the end of the stream", st.Closed())
	<-served
	s.watch.stop()
}

// What is pipelined behind a stream is not answered and does not disturb it.
func TestNothingIsAnsweredBehindAStream(t *testing.T) {
	s, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(subscribe + probe)
	st := receive(t, "the stream", streams)
	c.say(probe + "\x00\n\n" + probe)
	_ = st.Send([]byte("abc"))
	st.Close()
	r, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "abc" {
		t.Fatalf("got %q %v", body, err)
	}
	if rest, err := io.ReadAll(c.br); err != nil || len(rest) != 0 {
		t.Errorf("behind the stream came %q %v, want the end", rest, err)
	}
	if m := s.Metrics(); m.Requests != 1 {
		t.Errorf("%d requests reached routing, want 1", m.Requests)
	}
}

func TestSlowReaderIsCut(t *testing.T) {
	s, addr, streams := streamServer(t, Options{StreamSendTimeout: time.Second, StreamBufferBytes: 4 << 10}) // the healthy one must manage
	healthy, slow := dialRaw(t, addr), dialRaw(t, addr)
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	healthy.say(subscribe)
	good := receive(t, "the healthy stream", streams)
	slow.say(subscribe)
	bad := receive(t, "the slow stream", streams)
	go func() { _, _ = io.Copy(io.Discard, healthy) }()
	record := bytes.Repeat([]byte("x"), 8<<10)
	sent := 0
	for bad.Send(record) == nil {
		if sent += len(record); sent > 64<<20 {
			t.Fatal("a peer that does not read took 64 MiB")
		}
		if err := good.Send(record); err != nil {
			t.Fatalf("the healthy stream ended: %v", err)
		}
	}
	if err := bad.Err(); !errors.Is(err, ErrSlowReader) {
		t.Errorf("the slow stream ended with %v, want ErrSlowReader", err)
	}
	if sent > 8<<20 {
		t.Errorf("a peer that does not read took %d bytes into buffers", sent)
	}
	if err := good.Send(record); err != nil {
		t.Errorf("the healthy stream ended: %v", err)
	}
	if m := s.Metrics(); m.StreamsCut != 1 || m.OpenStreams != 1 {
		t.Errorf("metrics %v, want one stream cut and one open", m)
	}
}

// An idle stream outlives its write deadline.
func TestQuietStreamIsNotCut(t *testing.T) {
	_, addr, streams := streamServer(t, Options{StreamSendTimeout: 500 * time.Millisecond})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	for range 2 {
		<-time.After(600 * time.Millisecond) // longer than StreamSendTimeout
		if err := st.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAbortInterruptsASend(t *testing.T) {
	_, addr, streams := streamServer(t, Options{StreamSendTimeout: time.Hour, StreamBufferBytes: 4 << 10})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	cause := errors.New("framework failed over")
	ended := make(chan error)
	go func() {
		for {
			if err := st.Send(make([]byte, 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	}()
	until(t, "a send holds the lock", func() bool { return !st.write.TryLock() || unlock(st) })
	st.Abort(cause)
	if err := receive(t, "the end of Send", ended); !errors.Is(err, cause) {
		t.Errorf("Send ended with %v, want %v", err, cause)
	}
}

func unlock(st *Stream) bool { st.write.Unlock(); return false }

func TestShutdownEndsStreamsAndUpgrades(t *testing.T) {
	streams := make(chan *Stream, 1)
	upgraded := make(chan error, 1)
	var c, u *rawClient
	t.Run("serving", func(serving *testing.T) { // start's cleanup shuts down at its end
		_, addr := start(serving, Options{}, func(s *Server) {
			s.Handle("/subscribe", func(c *Ctx) { c.Stream(nil, "a/b", func(st *Stream) { streams <- st }) })
			s.Handle("/link", func(c *Ctx) {
				c.Upgrade("x", func(nc net.Conn, r *bufio.Reader) { _, err := r.ReadByte(); upgraded <- err })
			})
		})
		c, u = dialRaw(t, addr), dialRaw(t, addr)
		idle := dialRaw(t, addr)
		_ = idle
		c.say(subscribe)
		u.say(get(addr, "/link", "Connection: Upgrade\r\nUpgrade: x\r\n"))
		if _, err := u.br.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if st := receive(t, "the stream", streams); st.Err() != nil {
			t.Fatal(st.Err())
		} else {
			streams <- st
		}
	})
	st := <-streams
	receive(t, "the end of the stream", st.Closed())
	if !errors.Is(st.Err(), ErrStreamClosed) {
		t.Errorf("the stream ended with %v", st.Err())
	}
	if err := receive(t, "the end of the upgraded connection", upgraded); err == nil {
		t.Error("the upgraded connection read a byte")
	}
}

func TestUpgrade(t *testing.T) {
	s, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/link", func(c *Ctx) {
			c.Upgrade("caprock-link", func(nc net.Conn, r *bufio.Reader) {
				line, _ := r.ReadString('\n')
				_, _ = io.WriteString(nc, "got "+line)
				if line == "panic\n" {
					panic("boom")
				}
			})
		})
	})
	ask := "Connection: keep-alive, Upgrade\r\nUpgrade: Caprock-Link\r\n"
	for _, line := range []string{"hello\n", "panic\n"} {
		c := dialRaw(t, addr)
		c.say(get(addr, "/link", ask))
		r, err := http.ReadResponse(c.br, nil)
		if err != nil || r.StatusCode != 101 || r.Header.Get("Upgrade") != "caprock-link" || r.Header.Get("Connection") != "Upgrade" {
			t.Fatalf("got %v %v", r, err)
		}
		c.say(line)
		if rest, err := io.ReadAll(c.br); err != nil || string(rest) != "got "+line {
			t.Errorf("got %q %v", rest, err)
		}
	}
	for name, header := range map[string]string{"none": "", "no connection": "Upgrade: caprock-link\r\n", "other": "Connection: Upgrade\r\nUpgrade: h2c\r\n"} {
		c := dialRaw(t, addr)
		c.say(get(addr, "/link", header))
		if status, h, body := c.answer(); status != 426 || h.Get("Upgrade") != "caprock-link" || !strings.Contains(body, "wanted") {
			t.Errorf("%s: got %d %v %q, want 426", name, status, h, body)
		}
		c.Close()
	}
	hasty := dialRaw(t, addr)
	hasty.say(get(addr, "/link", ask) + "hello\n")
	if status, _, _ := hasty.answer(); status != 0 {
		t.Errorf("a client that does not wait for 101 got %d, want the end", status)
	}
	until(t, "all is over", func() bool { m := s.Metrics(); return m.OpenConns == 0 && m.Panics == 1 })
}

func TestSendCostsNoAllocations(t *testing.T) {
	_, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	go func() { _, _ = io.Copy(io.Discard, c) }()
	record := bytes.Repeat([]byte("x"), 300)
	if n := testing.AllocsPerRun(500, func() {
		if err := st.Send(record); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Send allocates %v times, want 0", n)
	}
}

// A peer that does not read a long answer is cut, and its goroutine is free.
func TestUnreadAnswerIsCut(t *testing.T) {
	answered := make(chan struct{}, 1)
	s, addr := start(t, Options{WriteTimeout: 50 * time.Millisecond}, func(s *Server) {
		s.Handle("/long", func(c *Ctx) {
			c.Reply(200, "a/b", make([]byte, 32<<20))
			answered <- struct{}{}
		})
	})
	c := dialRaw(t, addr)
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	c.say(get(addr, "/long"))
	receive(t, "the handler", answered)
	until(t, "the connection is cut", func() bool { return s.Metrics().OpenConns == 0 })
}

func TestShutdownWaitsForAnswers(t *testing.T) {
	s := New(Options{})
	entered, release := make(chan struct{}), make(chan struct{})
	s.Handle("/slow", func(c *Ctx) {
		close(entered)
		<-release
		c.ReplyText(200, "done")
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, down := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c := dialRaw(t, ln.Addr().String())
	c.say(get("x", "/slow"))
	receive(t, "the request", entered)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := receive(t, "the end of Serve", served); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("a connection was accepted during shutdown")
	}
	close(release)
	checkAnswer(t, c, 200, "done")
	if err := receive(t, "the end of Shutdown", down); err != nil {
		t.Error(err)
	}
}

// A patient stream waits for a peer that does not read, and ends with it.
func TestPatientStreamWaits(t *testing.T) {
	_, addr, streams := streamServer(t, Options{StreamSendTimeout: 50 * time.Millisecond, UserTimeout: 100 * time.Millisecond, StreamBufferBytes: 256 << 10})
	slow := dialRaw(t, addr)
	// Not less: a window below the size of a segment opens again only with the kernel's probes.
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(256 << 10)
	slow.say(subscribe)
	st := receive(t, "the stream", streams)
	st.Patient()
	const records, size = 512, 8 << 10
	sent := make(chan error, 1)
	go func() {
		for range records {
			if err := st.Send(bytes.Repeat([]byte("x"), size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	select {
	case err := <-sent:
		t.Fatalf("a peer that does not read took everything, or was cut: %v", err)
	case <-time.After(500 * time.Millisecond): // five times what the peer would have had
	}
	r, err := http.ReadResponse(slow.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.CopyN(io.Discard, r.Body, records*size)
	if got != records*size || err != nil {
		t.Fatalf("read %d bytes, %v", got, err)
	}
	if err := <-sent; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestPatientStreamEndsWithItsPeer(t *testing.T) {
	_, addr, streams := streamServer(t, Options{StreamBufferBytes: 4 << 10})
	slow := dialRaw(t, addr)
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	slow.say(subscribe)
	st := receive(t, "the stream", streams)
	st.Patient()
	sent := make(chan error, 1)
	go func() {
		for {
			if err := st.Send(bytes.Repeat([]byte("x"), 8<<10)); err != nil {
				sent <- err
				return
			}
		}
	}()
	slow.Close()
	if err := receive(t, "the end of the send", sent); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("got %v, want ErrPeerClosed", err)
	}
}
