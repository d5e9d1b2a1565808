package api

import (
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// schedulerCall takes a call that answers with a status alone and hands it to the loop.
// Everything that is to be refused here, or answered with more, is left to scheduler.
func (s *Server) schedulerCall(c *httpd.Call) httpd.Pending {
	t, err := codec.FromContentType(string(c.ContentType))
	if err != nil {
		return nil
	}
	call := &scheduler.Call{}
	if t.Unmarshal(c.Body, call) != nil {
		return nil
	}
	switch call.GetType() {
	case scheduler.Call_SUBSCRIBE, scheduler.Call_RECONCILE_OPERATIONS:
		return nil
	}
	if core.ValidateSchedulerCall(call, "", "") != nil {
		return nil
	}
	token, about := core.Token(s.nextRef()), s.answersOf(call)
	ch := s.waiters.add(token)
	if s.loop.Submit(&core.SchedulerCall{StreamID: string(c.Field), Call: call, Reply: token}, len(c.Body)) != nil {
		s.waiters.drop(token)
		return nil
	}
	s.counts.schedulerCall(call)
	w := pendingCalls.Get().(*pendingCall)
	*w = pendingCall{server: s, answered: ch, framework: call.GetFrameworkId().GetValue(), about: about}
	return w
}

// pendingCall is a scheduler's call on its way through the loop.
type pendingCall struct {
	server    *Server
	answered  chan answer
	framework string
	about     answers
}

var pendingCalls = sync.Pool{New: func() any { return new(pendingCall) }}

// Wait implements httpd.Pending; it is called once. When the server stops there is no
// answer, which is the truth about a call that may or may not have happened.
func (w *pendingCall) Wait() (status int, text string, ok bool) {
	var a answer
	select {
	case a = <-w.answered:
	case <-w.server.ctx.Done():
		return 0, "", false
	}
	answerChannels.Put(w.answered)
	if a.status == 202 {
		w.server.counts.frameworks.note(w.framework, w.about, w.server.opts.Clock.Now())
	}
	*w = pendingCall{}
	pendingCalls.Put(w)
	return a.status, a.text, true
}
