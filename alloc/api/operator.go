package api

import (
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
	case master.Call_EXPLAIN:
		s.explainCall(c, t, call.GetExplain())
	case master.Call_GET_METRICS:
		filters := s.activeFilters()
		s.respondRendered(c, t.ContentType(), "GET_METRICS", t.ContentType(), func(all *cluster, b []byte) ([]byte, error) {
			return t.Append(b, &master.Response{Type: master.Response_GET_METRICS.Enum(), GetMetrics: s.getMetrics(all, filters)})
		})
	default:
		if what := call.GetType(); readsState(what) {
			s.respondRendered(c, t.ContentType(), what.String(), t.ContentType(), func(all *cluster, b []byte) ([]byte, error) {
				return appendState(what, all, t, b)
			})
			return
		}
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
	b, err := t.Append(nil, m)
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	c.Reply(200, t.ContentType(), b)
}
