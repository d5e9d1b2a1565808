package core

import (
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Effect is something to do once the records of the same Output are durable.
// Effects are performed in the order in which they were given.
type Effect interface{ effect() }

// Reply answers an HTTP call: status and a text for humans (empty for success).
type Reply struct {
	Token  Token
	Status int
	Text   string
}

// OpenStream answers SUBSCRIBE with 200 and opens the event stream. The first
// SUBSCRIBED and HEARTBEAT (or the ERROR) follow as Events; later heartbeats,
// every HeartbeatInterval after that one, are the fanout's.
type OpenStream struct {
	Stream      StreamRef
	StreamID    string // Mesos-Stream-Id header
	FrameworkID string // empty when the subscription is refused by an ERROR
}

// Event is a record on a framework's stream. The message is immutable.
type Event struct {
	Stream StreamRef
	Event  *scheduler.Event
}

// CloseStream ends a stream after what was sent on it.
type CloseStream struct{ Stream StreamRef }

// Down is a frame for an agent. The driver sets channel number and term on a
// copy when it frames it; frames with seq > 0 are also in the agent's outbox.
type Down struct {
	Channel ChannelRef
	Down    *link.Down
}

// CloseChannel drops a channel: the agent's frames are no longer taken on it.
type CloseChannel struct{ Channel ChannelRef }

// OperatorEvent goes to every operator stream opened before it.
type OperatorEvent struct{ Event *master.Event }

// SnapshotOperator tells the driver to send SUBSCRIBED with the state as of this
// point in the order of effects, then a HEARTBEAT, on a new operator stream.
type SnapshotOperator struct{ Stream StreamRef }

// AgentReplaced says that an agent was removed because a fresh one registered at its
// address.
type AgentReplaced struct{ ID string }

// Warning is for the log: something an operator should look at.
type Warning struct{ Text string }

func (*Warning) effect()          {}
func (*AgentReplaced) effect()    {}
func (*Reply) effect()            {}
func (*OpenStream) effect()       {}
func (*Event) effect()            {}
func (*CloseStream) effect()      {}
func (*Down) effect()             {}
func (*CloseChannel) effect()     {}
func (*OperatorEvent) effect()    {}
func (*SnapshotOperator) effect() {}
