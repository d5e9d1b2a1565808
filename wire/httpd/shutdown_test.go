package httpd

import (
	"bytes"
	"context"
	"net"
	"testing"
)

// The handler has returned, but its answer is not out yet.
func TestShutdownWaitsUntilAnswersAreWritten(t *testing.T) {
	answer := bytes.Repeat([]byte("x"), 16<<20) // more than the sockets hold
	returned := make(chan struct{})
	s := New(Options{})
	s.Handle("/big", func(c *Ctx) {
		defer close(returned)
		c.Reply(200, "text/plain", answer)
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, down := make(chan error, 1), make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c := dialRaw(t, ln.Addr().String())
	c.say(get("x", "/big"))
	receive(t, "the handler's return", returned)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := receive(t, "the end of Serve", served); err != nil {
		t.Error(err)
	}
	if status, _, body := c.answer(); status != 200 || len(body) != len(answer) {
		t.Errorf("got %d with %d bytes, want 200 with %d", status, len(body), len(answer))
	}
	if err := receive(t, "the end of Shutdown", down); err != nil {
		t.Error(err)
	}
}

// Nothing is waited for on connections that have had their answers.
func TestShutdownDoesNotWaitForIdleConnections(t *testing.T) {
	for name, register := range map[string]func(*Server){
		"plain": func(*Server) {},
		"lane": func(s *Server) {
			s.HandleCalls("/calls", "X-Stream", func(*Call) Pending { return &laneAnswer{&laneWorld{}, ""} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{})
			s.Handle("/echo", echo)
			s.Handle("/calls", echo)
			register(s)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served, down := make(chan error, 1), make(chan error, 1)
			go func() { served <- s.Serve(ln) }()
			c := dialRaw(t, ln.Addr().String())
			c.say(probe)
			checkAnswer(t, c, 200, "")
			go func() { down <- s.Shutdown(context.Background()) }()
			if err := receive(t, "the end of Shutdown", down); err != nil {
				t.Error(err)
			}
			if err := receive(t, "the end of Serve", served); err != nil {
				t.Error(err)
			}
		})
	}
}
