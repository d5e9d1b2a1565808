package core

import (
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// LaunchContainer asks for a container: nested if its id has a parent, standing
// alone otherwise. The answer, a ContainerReply, comes once its process runs. The
// call was found to be well formed.
type LaunchContainer struct {
	Token     Token
	ID        ContainerID
	Command   *mesos.CommandInfo
	Container *mesos.ContainerInfo
	// Resources and Limits bound a container that does not share those of another.
	Resources []*mesos.Resource
	Limits    map[string]*mesos.Value_Scalar
	// Session: it runs where and as its parent does, and ends with EndSession.
	Session bool
}

// WaitContainer asks for a ContainerReply once a container has ended.
type WaitContainer struct {
	Token Token
	ID    ContainerID
}

// ForgetWait says that nobody waits for the answer to a WaitContainer any more.
type ForgetWait struct{ Token Token }

// KillContainer asks to send a signal to the process of a container.
type KillContainer struct {
	Token  Token
	ID     ContainerID
	Signal int
}

// RemoveContainer asks to forget a container that has ended, with its sandbox.
type RemoveContainer struct {
	Token Token
	ID    ContainerID
}

// EndSession says that the connection of a session is gone.
type EndSession struct{ ID ContainerID }

func (LaunchContainer) command() {}
func (WaitContainer) command()   {}
func (ForgetWait) command()      {}
func (KillContainer) command()   {}
func (RemoveContainer) command() {}
func (EndSession) command()      {}

// ContainerReply answers one of the commands above with an HTTP status.
type ContainerReply struct {
	Token  Token
	Status int
	// KernelID is what the runner knows a container by that was launched.
	KernelID string
	// Text says what is wrong if Status is not a success.
	Text string
	// Termination answers a WaitContainer.
	Termination *record.Termination
}

// SignalProcess sends a signal to one process and no other.
type SignalProcess struct {
	// ID of the container, for the log.
	ID         string
	Pid        int
	StartTicks uint64
	Signal     int
}

// RemoveSandbox removes the sandbox of an ended container.
type RemoveSandbox struct{ Directory string }

func (ContainerReply) effect() {}
func (SignalProcess) effect()  {}
func (RemoveSandbox) effect()  {}

// IO says who is at the other end of the standard descriptors of a process that
// people talk to. Such a process has them all from the agent; the output goes to
// the files of its sandbox too.
type IO struct {
	// Terminal: it has a terminal of that size, 0 for unknown. Otherwise pipes.
	Terminal      bool
	Rows, Columns uint32
	// Session: nothing is read from it before the first one listens.
	Session bool
}

// ioOf is what a container of this kind needs; nil: stdin is empty and output goes
// to files.
func ioOf(box *mesos.ContainerInfo, session bool) *IO {
	tty := box.GetTtyInfo()
	if tty == nil && !session {
		return nil
	}
	size := tty.GetWindowSize()
	return &IO{Terminal: tty != nil, Rows: size.GetRows(), Columns: size.GetColumns(), Session: session}
}
