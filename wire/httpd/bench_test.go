package httpd

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// benchPost drives one kept connection with POSTs of 300 bytes.
func benchPost(b *testing.B, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	body := strings.Repeat("x", 300)
	request := []byte("POST /echo HTTP/1.1\r\nHost: 10.0.0.1:5050\r\nUser-Agent: bench\r\nAccept: application/json\r\n" +
		"Content-Type: application/json\r\nContent-Length: 300\r\n\r\n" + body)
	answer := make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		n, err := c.Read(answer)
		if err != nil || !bytes.HasSuffix(answer[:n], []byte("xxx")) {
			b.Fatalf("%q %v", answer[:n], err)
		}
	}
}

// BenchmarkPost compares this server with fasthttp by itself; both read the
// body and send it back. The difference is the price of the checks.
func BenchmarkPost(b *testing.B) {
	b.Run("caprock", func(b *testing.B) {
		_, addr := start(b, Options{Actor: "master"}, func(s *Server) {
			s.Handle("/echo", func(c *Ctx) {
				body, _ := c.ReadBody()
				c.Reply(200, "application/json", body)
			})
		})
		benchPost(b, addr)
	})
	b.Run("fasthttp", func(b *testing.B) {
		s := &fasthttp.Server{ReadBufferSize: 16 << 10, NoDefaultServerHeader: true, Handler: func(rc *fasthttp.RequestCtx) {
			if string(rc.Path()) != "/echo" {
				rc.SetStatusCode(404)
				return
			}
			rc.SetContentType("application/json")
			rc.SetBody(rc.PostBody())
		}}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- s.Serve(ln) }()
		benchPost(b, ln.Addr().String())
		_ = s.Shutdown()
		<-done
	})
}

// BenchmarkSend writes 300-byte records to one stream, alone and 16 at a time.
func BenchmarkSend(b *testing.B) {
	for _, batch := range []int{1, 16} {
		b.Run(strconv.Itoa(batch), func(b *testing.B) {
			_, addr, streams := streamServer(b, Options{})
			c := dialRaw(b, addr)
			c.say(subscribe)
			st := receive(b, "the stream", streams)
			go func() { _, _ = io.Copy(io.Discard, c) }()
			record := bytes.Repeat([]byte("x"), 300)
			records := make([][]byte, batch)
			for i := range records {
				records[i] = record
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := st.SendBatch(records...); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// TestManyStreamsAreCheap opens thousands of streams and asks the runtime what
// they cost. Ten thousand need CAPROCK_STREAMS=9000 and as many descriptors.
func TestManyStreamsAreCheap(t *testing.T) {
	n := 1000
	if v, err := strconv.Atoi(os.Getenv("CAPROCK_STREAMS")); err == nil {
		n = v
	}
	open := make(chan *Stream, n)
	s, addr := start(t, Options{}, func(s *Server) {
		s.Handle("/subscribe", func(c *Ctx) { c.Stream(nil, "application/json", func(st *Stream) { open <- st }) })
	})
	goroutines := runtime.NumGoroutine()
	heap := heapInUse()
	clients := make([]net.Conn, n)
	for i := range clients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer c.Close()
		clients[i] = c
		if _, err := io.WriteString(c, subscribe); err != nil {
			t.Fatal(err)
		}
	}
	streams := make([]*Stream, n)
	for i := range streams {
		streams[i] = receive(t, "a stream", open)
	}
	// Workers that fasthttp keeps for the next burst are not the streams'.
	until(t, "streams have no goroutines", func() bool { return runtime.NumGoroutine() < goroutines+n/2 })
	perStream := (heapInUse() - heap) / int64(n)
	t.Logf("%d streams: %d bytes of heap each (both ends), %d goroutines more in all", n, perStream, runtime.NumGoroutine()-goroutines)
	if perStream > 4<<10 {
		t.Errorf("a stream costs %d bytes of heap, want at most 4 KiB", perStream)
	}
	for _, st := range streams {
		if err := st.Send([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range clients {
		c.Close()
	}
	for _, st := range streams {
		receive(t, "the end of a stream", st.Closed())
	}
	if m := s.Metrics(); m.OpenStreams != 0 {
		t.Errorf("%d streams are open", m.OpenStreams)
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
