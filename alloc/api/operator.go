package api

import (
	"sync/atomic"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
)

// operator is POST /api/v1.
func (s *Server) operator(c *httpd.Ctx) {
	call := &master.Call{}
	bytes, ok := parse(c, call)
	if !ok {
		return
	}
	if err := core.ValidateOperatorCall(call); err != nil {
		c.ReplyText(err.Status, err.Text)
		return
	}
	t, ok := accept(c)
	if !ok {
		return
	}
	switch call.GetType() {
	case master.Call_SUBSCRIBE:
		s.operatorSubscribe(c, t)
	case master.Call_SET_LOGGING_LEVEL:
		level := call.GetSetLoggingLevel()
		if err := s.verbosity.Call(level.GetLevel(), level.GetDuration().GetNanoseconds()); err != nil {
			c.ReplyError(err)
			return
		}
		c.ReplyEmpty(200)
	case master.Call_LIST_FILES:
		s.listFiles(c, t, call.GetListFiles())
	case master.Call_READ_FILE:
		s.readFile(c, t, call.GetReadFile())
	default:
		if response := s.read(call); response != nil {
			s.respond(c, t, response)
			return
		}
		token := core.Token(s.nextRef())
		a, ok := s.call(c, token, &core.OperatorCall{Principal: principal(c), Call: call, Reply: token}, bytes)
		if ok {
			reply(c, a)
		}
	}
}

// operatorSubscribe opens an event stream. The core hears of it before the
// stream can end, so that it hears of the end second.
func (s *Server) operatorSubscribe(c *httpd.Ctx, t codec.Type) {
	ref := core.StreamRef(s.nextRef())
	sub := s.fan.Register(ref, t, true)
	c.Stream(nil, t.ContentType(), func(st *httpd.Stream) {
		s.loop.Notify(&core.OperatorSubscribed{Stream: ref})
		sub.Attach(st)
	})
}

// respond answers a read call.
func (s *Server) respond(c *httpd.Ctx, t codec.Type, m codec.Message) {
	b := []byte(nil)
	size := &s.sizes.other
	if r, ok := m.(*master.Response); ok && r.GetState != nil {
		size = &s.sizes.getState
	}
	if t == codec.JSON { // protobuf knows its size
		b = size.buffer()
	}
	b, err := t.Append(b, m)
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	if t == codec.JSON {
		size.note(len(b))
	}
	c.Reply(200, t.ContentType(), b)
}

// sizeHint remembers how long a kind of answer was the last time, so that the
// next one is not copied over and over while it grows.
type sizeHint struct{ last atomic.Int64 }

func (h *sizeHint) buffer() []byte {
	last := h.last.Load()
	return make([]byte, 0, last+last/16+1024)
}

func (h *sizeHint) note(n int) { h.last.Store(int64(n)) }
