package api

import (
	"github.com/google/uuid"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

const streamIDHeader = "Mesos-Stream-Id"

// scheduler is POST /api/v1/scheduler.
func (s *Server) scheduler(c *httpd.Ctx) {
	call := &scheduler.Call{}
	bytes, ok := parse(c, call)
	if !ok {
		return
	}
	header, _ := c.RequestHeader(streamIDHeader)
	who, streamID := principal(c), string(header)
	// The stream id is checked after Accept, as in Mesos.
	if err := core.ValidateSchedulerCall(call, who, ""); err != nil {
		c.ReplyText(err.Status, err.Text)
		return
	}
	s.counts.schedulerCall(call)
	var t codec.Type
	switch call.GetType() {
	case scheduler.Call_SUBSCRIBE, scheduler.Call_RECONCILE_OPERATIONS:
		if t, ok = accept(c); !ok {
			return
		}
		if err := core.ValidateSchedulerCall(call, who, streamID); err != nil {
			c.ReplyText(err.Status, err.Text)
			return
		}
	}
	if call.GetType() == scheduler.Call_SUBSCRIBE {
		s.subscribe(c, call, who, t, bytes)
		return
	}
	token, about := core.Token(s.nextRef()), s.answersOf(call)
	a, ok := s.call(c, token, &core.SchedulerCall{Principal: who, StreamID: streamID, Call: call, Reply: token}, bytes)
	if ok {
		if a.status == 202 {
			s.counts.frameworks.note(call.GetFrameworkId().GetValue(), about, s.opts.Clock.Now())
		}
		reply(c, a)
	}
}

// subscribe opens an event stream. The subscriber is registered before the
// command is on its way, so that events decided right after the subscription
// find it, whenever this handler gets to answer. Token and stream have one
// number, so that OpenStream finds the waiting call.
func (s *Server) subscribe(c *httpd.Ctx, call *scheduler.Call, who string, t codec.Type, bytes int) {
	ref := s.nextRef()
	sub := s.fan.Register(core.StreamRef(ref), t, false)
	id := uuid.NewString()
	a, ok := s.call(c, core.Token(ref), &core.Subscribe{
		Stream: core.StreamRef(ref), StreamID: id, Principal: who, Call: call, Reply: core.Token(ref),
	}, bytes)
	switch {
	case !ok:
		s.fan.Drop(sub)
	case a.status != 200:
		s.fan.Drop(sub)
		reply(c, a)
	default:
		c.Stream([]httpd.Header{{Name: streamIDHeader, Value: id}}, t.ContentType(), func(st *httpd.Stream) {
			sub.Attach(st)
		})
	}
}
