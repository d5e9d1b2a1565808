package api

import (
	"errors"
	"net"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/loop"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
)

// parse does what both v1 endpoints do first, in Mesos' order: method, content
// type, body. It answers what fails and returns false.
func parse(c *httpd.Ctx, into codec.Message) (bytes int, ok bool) {
	if !c.IsMethod("POST") {
		c.ReplyMethodNotAllowed("POST")
		return 0, false
	}
	header, _ := c.RequestHeader("Content-Type")
	t, err := codec.FromContentType(string(header))
	switch {
	case errors.Is(err, codec.ErrUnsupported):
		c.ReplyText(415, err.Error())
		return 0, false
	case err != nil:
		c.ReplyText(400, err.Error())
		return 0, false
	}
	body, err := c.ReadBody()
	if err != nil {
		c.ReplyError(err)
		return 0, false
	}
	if err := t.Unmarshal(body, into); err != nil {
		status := 400
		if errors.Is(err, codec.ErrTooLong) {
			status = 413
		}
		c.ReplyText(status, err.Error())
		return 0, false
	}
	return len(body), true
}

// accept picks the encoding of the answer, or answers 406.
func accept(c *httpd.Ctx) (codec.Type, bool) {
	header, present := c.RequestHeader("Accept")
	if present && len(header) == 0 {
		present = false
	}
	t, ok := codec.Negotiate(string(header))
	if present && !ok {
		c.ReplyText(406, "got Accept: "+clip(header)+", wanted one that allows application/json or application/x-protobuf")
		return t, false
	}
	return t, true
}

// clip keeps what is echoed to a client short.
func clip(b []byte) string {
	const most = 100
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}

// principal is who the request comes from, as authentication found; empty if
// nobody in particular.
func principal(c *httpd.Ctx) string {
	p, _ := c.Value.(string)
	return p
}

// call hands a command to the loop and waits for its answer. It returns false
// after it has answered itself: the loop is full, or stopped.
func (s *Server) call(c *httpd.Ctx, token core.Token, cmd core.Command, bytes int) (answer, bool) {
	ch := s.waiters.add(token)
	if err := s.loop.Submit(cmd, bytes); err != nil {
		s.waiters.drop(token)
		refuse(c, err)
		return answer{}, false
	}
	select {
	case a := <-ch:
		answerChannels.Put(ch)
		return a, true
	case <-s.ctx.Done():
		hangUp(c)
		return answer{}, false
	}
}

// refuse answers for a loop that takes no commands now.
func refuse(c *httpd.Ctx, err error) {
	if errors.Is(err, loop.ErrFull) {
		c.SetReplyHeader("Retry-After", "1")
	}
	c.ReplyText(503, err.Error())
}

// hangUp closes the connection without an answer, which is the truth about a
// call that may or may not have happened.
func hangUp(c *httpd.Ctx) {
	c.HijackSetNoResponse(true)
	c.Hijack(func(nc net.Conn) { _ = nc.Close() })
}

// reply sends an answer of the core.
func reply(c *httpd.Ctx, a answer) {
	if a.text == "" {
		c.ReplyEmpty(a.status)
		return
	}
	c.ReplyText(a.status, a.text)
}
