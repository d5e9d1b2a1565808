package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// One who serves many streams waits for none of them, and what a peer did not take at
// once arrives whole and in order, when it reads.
func TestSendSoonWaitsForNobody(t *testing.T) {
	_, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	c.say(subscribe)
	st := receive(t, "the stream", streams)

	var want bytes.Buffer
	record := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%06d ", i), 1000) }
	later := make(chan error, 1)
	sent := 0
	for done := true; done; sent++ { // until the kernel's buffers are full
		want.Write(record(sent))
		var err error
		if done, err = st.SendSoon(func(err error) { later <- err }, record(sent)); err != nil {
			t.Fatal(err)
		}
	}
	if sent < 2 {
		t.Fatalf("%d records filled the buffers: none was sent at once", sent)
	}
	select {
	case err := <-later:
		t.Fatalf("what the peer has not read was sent: %v", err)
	default:
	}
	r, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := make(chan []byte, 1)
	go func() { b, _ := io.ReadAll(r.Body); body <- b }()
	if err := receive(t, "the end of the send", later); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), copyLimit+1)
	want.Write(large)
	if done, err := st.SendSoon(func(err error) { later <- err }, large); done || err != nil {
		t.Fatalf("a large record: done %t, error %v", done, err)
	}
	if err := receive(t, "the end of the large send", later); err != nil {
		t.Fatal(err)
	}
	st.Close()
	if got := receive(t, "the body", body); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got %d bytes, want %d, or others", len(got), want.Len())
	}
	if _, err := st.SendSoon(nil, []byte("x")); !errors.Is(err, ErrStreamClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A send that is under way when the stream ends tells so.
func TestSendSoonTellsOfTheEnd(t *testing.T) {
	_, addr, streams := streamServer(t, Options{})
	c := dialRaw(t, addr)
	c.say(subscribe)
	st := receive(t, "the stream", streams)
	later := make(chan error, 1)
	for done := true; done; {
		done, _ = st.SendSoon(func(err error) { later <- err }, make([]byte, copyLimit/2))
	}
	st.Abort(io.ErrUnexpectedEOF)
	if err := receive(t, "the end of the send", later); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want what the stream was aborted with", err)
	}
}
