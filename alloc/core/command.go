package core

import (
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// StreamRef names an open event stream of a framework or an operator. The
// driver picks it and never reuses it while the process lives; 0 is none.
type StreamRef uint64

// ChannelRef names an agent's channel on a link, with the same rules.
type ChannelRef uint64

// Token names an HTTP call that waits for a Reply; 0 means that nobody does.
type Token uint64

// Command is an input of Core.Step.
type Command interface{ command() }

// Subscribe is a scheduler's SUBSCRIBE that passed ValidateSchedulerCall. It is
// answered by OpenStream, or by Reply{Token} if refused before the stream opens.
type Subscribe struct {
	Stream    StreamRef
	StreamID  string // fresh uuid, the Mesos-Stream-Id of the answer
	Principal string // authenticated; empty if none
	Call      *scheduler.Call
	Reply     Token
}

// SchedulerCall is any other scheduler call that passed ValidateSchedulerCall.
// It is always answered by exactly one Reply.
type SchedulerCall struct {
	Principal string
	StreamID  string // Mesos-Stream-Id header; empty if absent
	Call      *scheduler.Call
	Reply     Token
}

// StreamClosed says that the peer of a stream went away or was cut. Streams that
// core closed itself need not be reported, but may be.
type StreamClosed struct{ Stream StreamRef }

// AgentFrame is a frame from an agent. Channel is the driver's name for the
// pair of link and channel number; Up.channel is not looked at.
type AgentFrame struct {
	Channel ChannelRef
	Up      *link.Up
}

// ChannelClosed says that the link of a channel broke.
type ChannelClosed struct{ Channel ChannelRef }

// OperatorCall is an operator's call that changes something and passed
// ValidateOperatorCall. It is always answered by exactly one Reply.
type OperatorCall struct {
	Principal string
	Call      *master.Call
	Reply     Token
}

// OperatorSubscribed says that an operator event stream is open. Core answers
// with one SnapshotOperator effect, which fixes the stream's place in the order
// of OperatorEvents.
type OperatorSubscribed struct{ Stream StreamRef }

// OperatorClosed says that an operator event stream ended.
type OperatorClosed struct{ Stream StreamRef }

// Tick says that NextDeadline has passed. Extra ticks do no harm.
type Tick struct{}

func (*Subscribe) command()          {}
func (*SchedulerCall) command()      {}
func (*StreamClosed) command()       {}
func (*AgentFrame) command()         {}
func (*ChannelClosed) command()      {}
func (*OperatorCall) command()       {}
func (*OperatorSubscribed) command() {}
func (*OperatorClosed) command()     {}
func (*Tick) command()               {}
