package api

import (
	"fmt"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// The methods of this file are the loop's Sink; only its releaser calls them.

// Publish makes changed entities visible to readers.
func (s *Server) Publish(changed []core.Change) {
	s.counts.published(&s.view, changed)
	s.view.Publish(changed)
	s.fan.Expect(s.view.Agents())
}

// Flush sends what was buffered for coalescing. The first one ends what the start
// found: from then on readers see it.
func (s *Server) Flush() {
	s.visible.Do(func() { close(s.loaded) })
	s.fan.Flush()
	s.links.flush()
}

// Perform does one effect. A message that cannot be encoded is a bug in who
// made it; its stream ends, because a gap must not be silent.
func (s *Server) Perform(effect core.Effect) {
	var err error
	switch e := effect.(type) {
	case *core.Reply:
		s.waiters.answer(e.Token, answer{status: e.Status, text: e.Text})
	case *core.Answered:
		s.waiters.answer(e.Token, answer{status: e.Status, value: e.Value})
	case *core.OpenStream:
		s.waiters.answer(core.Token(e.Stream), answer{status: 200})
		s.fan.Open(e.Stream)
		s.counts.frameworks.opened(e.Stream, e.FrameworkID)
	case *core.Event:
		err = s.event(e)
	case *core.CloseStream:
		s.fan.End(e.Stream)
		s.counts.frameworks.closed(e.Stream)
	case *core.Down:
		s.links.send(e)
	case *core.CloseChannel:
		s.links.closeChannel(e.Channel)
	case *core.AgentReplaced:
		s.counts.replaced.Add(1)
	case *core.Warning:
		s.opts.Logger.Warn(e.Text)
	case *core.OperatorEvent:
		err = s.fan.Broadcast(e.Event)
	case *core.SnapshotOperator:
		snap := s.view.Snapshot()
		s.fan.OpenOperator(e.Stream, func(dst []byte, t codec.Type) ([]byte, error) {
			return appendSubscribed(snap, t, dst)
		})
	default:
		panic(fmt.Sprintf("BUG: unknown effect %T", effect))
	}
	if err != nil {
		s.opts.Logger.Error("BUG: an event could not be sent", "effect", fmt.Sprintf("%T", effect), "error", err)
	}
}

// offersPerRecord bounds the offers of one OFFERS record: a cycle may offer a
// whole cluster to one framework, and a record has a largest size.
const offersPerRecord = 500

func (s *Server) event(e *core.Event) error {
	s.counts.event(e.Stream, e.Event)
	offers := e.Event.GetOffers().GetOffers()
	if e.Event.GetType() != scheduler.Event_OFFERS || len(offers) <= offersPerRecord {
		return s.push(e.Stream, e.Event)
	}
	for len(offers) > 0 {
		n := min(offersPerRecord, len(offers))
		err := s.push(e.Stream, &scheduler.Event{
			Type: e.Event.Type, Offers: &scheduler.Event_Offers{Offers: offers[:n:n]},
		})
		if err != nil {
			return err
		}
		offers = offers[n:]
	}
	return nil
}

func (s *Server) push(stream core.StreamRef, m codec.Message) error {
	err := s.fan.Push(stream, m)
	if err != nil {
		s.fan.End(stream)
		s.streamEnded(stream, false)
	}
	return err
}

func frameworkID(id string) *mesos.FrameworkID { return &mesos.FrameworkID{Value: &id} }
