package core

import (
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

// Time is the moment of a command on both clocks, in nanoseconds. Deadlines run
// on Mono, which never jumps; Wall goes into timestamps and records.
type Time struct {
	Wall int64
	Mono int64
}

// Command is something that happened, for Core.Step.
type Command interface{ command() }

// Connected says that a link to the allocator is open and nothing was sent on it.
type Connected struct{}

// Disconnected says that the link broke.
type Disconnected struct{}

// Frame is a frame that came over the link.
type Frame struct{ Down *link.Down }

// Started says that the process of an earlier Launch runs.
type Started struct {
	ID         string
	Pid        int
	StartTicks uint64
	// NetClass of its packets; 0 for none.
	NetClass uint32
}

// LaunchFailed says that the process of an earlier Launch will never run.
type LaunchFailed struct {
	ID      string
	Message string
	// NoUser: this machine does not know the user. Such tasks count as never
	// launched.
	NoUser bool
	// NoContainerizer: containers of that type are for another containerizer, which
	// no agent of ours has. Mesos tells it from other faults.
	NoContainerizer bool
}

// Exited says that a process that had started is gone. WaitStatus is as wait(2)
// gives it, and meaningless unless Known.
type Exited struct {
	ID         string
	WaitStatus int
	Known      bool
}

// Limited says that a container takes more than it was given. For memory the kernel
// has ended (or will end) processes of it, and UsedBytes is what they had used, 0 if
// that is not known.
type Limited struct {
	ID        string
	UsedBytes int64
	// Disk is nil for memory.
	Disk *DiskExcess
}

// DiskExcess is more disk space than a container was given.
type DiskExcess struct {
	QuotaBytes int64
	// Message says so, for the scheduler.
	Message string
}

// Checked says what came of an earlier Check.
type Checked struct {
	ID  string
	Run uint64
	// Code is the exit code of a command or the status of an HTTP response. Of a
	// TCP check 0 says that the connection came about, and 1 that it was refused.
	Code int
	// Failure says why there is no result, such as a timeout; "" if there is one.
	Failure string
}

// Tick says that time passed; send it when NextDeadline is reached.
type Tick struct{}

// Token names a request of an executor that waits for a Reply, and afterwards its
// stream of events, if it is a subscription. The driver picks it, never twice.
type Token uint64

// ExecutorCall is a call to the executor API, already found to be well formed.
type ExecutorCall struct {
	Token Token
	Call  *executor.Call
}

// ExecutorGone says that the stream of an earlier subscription is closed.
type ExecutorGone struct{ Token Token }

// Collected says that the sandbox of an ended run was removed.
type Collected struct{ ContainerID string }

// VolumeChanged answers a ChangeVolume. Fault says why it could not be done, "" if
// it was.
type VolumeChanged struct {
	ID    string
	Fault string
}

// UpdateFailed says that a Resize or Attach of a container came to nothing.
type UpdateFailed struct {
	ID      string
	Message string
}

// Leave asks to unregister, end every task and stop.
type Leave struct{ Message string }

func (Connected) command()     {}
func (Disconnected) command()  {}
func (Frame) command()         {}
func (Started) command()       {}
func (LaunchFailed) command()  {}
func (Exited) command()        {}
func (Limited) command()       {}
func (Checked) command()       {}
func (Tick) command()          {}
func (ExecutorCall) command()  {}
func (ExecutorGone) command()  {}
func (Collected) command()     {}
func (VolumeChanged) command() {}
func (UpdateFailed) command()  {}
func (Leave) command()         {}

// Effect is something for the driver to do once the records are durable.
type Effect interface{ effect() }

// Send puts a frame on the link; it is dropped if the link is down.
type Send struct{ Up *link.Up }

// Reconnect closes the link and opens a new one.
type Reconnect struct{ Why string }

// Launch prepares a sandbox, fetches into it and starts a process. The answer is
// Started or LaunchFailed. If a process already lives in the container of that id,
// the answer is Started with that one.
type Launch struct {
	// ID names the container: an id, or "parent.child" for a nested one.
	ID string
	// Directory is the sandbox, which is also the working directory.
	Directory string
	// Latest is a symbolic link that must point to Directory, "" for none.
	Latest string
	// User owns the sandbox and runs the process; "" is the agent's own user.
	User string
	URIs []*mesos.CommandInfo_URI
	// Path is the program, looked up in the PATH of Env if it has no slash.
	Path string
	Args []string
	// Env holds "NAME=value", each name once.
	Env    []string
	Limits Limits
	// Disk is nil for a container that shares that of another.
	Disk *DiskBox
	// Container is what is wanted of the container; nil for nothing.
	Container *mesos.ContainerInfo
	// Pod is the sandbox of the executor that a nested container belongs to; "" for
	// others.
	Pod string
	// Volumes to be seen in the sandbox.
	Volumes []Volume
	// WorkDir is the working directory where that is not the sandbox.
	WorkDir string
	// Shared: the container is below another in the kernel and shares its limits;
	// ID is the other's, a slash and a name.
	Shared bool
	// IO is set for a process that people talk to.
	IO *IO
}

// Volume is a persistent volume as a container sees it.
type Volume struct {
	// Source is the directory of its data, absolute. It is there: one that is not
	// was lost, and must not be used as an empty one.
	Source string
	// Target is the path in the sandbox, relative.
	Target   string
	ReadOnly bool
	// KeepOwner: others are using it, so it goes on belonging to whom it does.
	KeepOwner bool
}

// ChangeVolume makes the directory of a volume, or removes its content and, unless
// KeepRoot, the directory. The answer is VolumeChanged. Until that is in the records
// the change may be asked for again; done twice it has the effect of once.
type ChangeVolume struct {
	// ID is new for each change.
	ID       string
	Path     string
	Remove   bool
	KeepRoot bool
}

// SweepVolumes removes for good what changes have removed, but for those that are
// in Keep, which may be asked for again. Roots hold volumes, Mounts are one each.
type SweepVolumes struct {
	Roots, Mounts []string
	Keep          []string
}

// Attach lets a running container see volumes; Detach takes them away.
type Attach struct {
	ID        string
	Directory string
	User      string
	Volumes   []Volume
}

// Detach undoes Attach.
type Detach struct {
	ID        string
	Directory string
	Volumes   []Volume
}

// Limits bounds a container.
type Limits struct {
	// CPUMilli is the share of CPU, in thousandths of one CPU.
	CPUMilli int64
	// CPULow: part of the CPU is revocable, and the share is to be a small one.
	CPULow bool
	// QuotaMilli is the most CPU it may use in a period; 0: no bound.
	QuotaMilli int64
	// MemBytes is the most memory it may use; 0: no bound.
	MemBytes int64
	// MemSoftBytes is what it gets back to when memory is short.
	MemSoftBytes int64
	// Block bounds transfers, by device.
	Block []BlockLimit
}

// Nest makes the sandbox of a DEFAULT executor, in which those of its tasks lie,
// before their first Launch.
type Nest struct {
	ID        string
	Directory string
	Latest    string
	User      string
	Volumes   []Volume
	// Container is what is wanted of the container; nil for nothing.
	Container *mesos.ContainerInfo
	// Limits that all in the container share. They change with the next Nest.
	Limits Limits
	Disk   *DiskBox
}

// CancelLaunch gives up on a Launch that has not answered; it still answers.
type CancelLaunch struct{ ID string }

// Resize changes the limits of a container. If the disk space of a custom executor
// cannot be bounded the answer is UpdateFailed.
type Resize struct {
	ID     string
	Limits Limits
	Disk   *DiskBox
	// Token asks for Resized, unless it is 0.
	Token Token
}

// Signal sends a signal to every process in a container.
type Signal struct {
	ID     string
	Signal int
}

// Check runs one check of a task; the answer is Checked, with the same Run.
// Exactly one of Command, URL and Address says how.
type Check struct {
	// ID is the container of the task.
	ID  string
	Run uint64
	// Timeout in nanoseconds; 0: as long as it takes.
	Timeout int64
	Command *CheckCommand
	// URL is what to get; redirects are followed. Unverified takes whatever
	// certificate the server has.
	URL        string
	Unverified bool
	// Address is the host:port to connect to.
	Address string
}

// CheckCommand is a process that joins the container of a task, to live no longer
// than that.
type CheckCommand struct {
	Directory string
	User      string
	Path      string
	Args      []string
	Env       []string
	// Container is that of the task.
	Container *mesos.ContainerInfo
}

// CancelCheck ends a Check whose answer is not wanted any more.
type CancelCheck struct{ Run uint64 }

// KillAll ends every process in a container, surely. Exited follows.
type KillAll struct{ ID string }

// Destroy ends what is left in a container and removes its kernel objects. The
// sandbox stays.
type Destroy struct{ ID string }

// Discard allows the sandbox of a run to be removed once it is old enough.
type Discard struct {
	ContainerID string
	Directory   string
	// EndedAt is on the wall clock.
	EndedAt int64
}

// Reply answers an ExecutorCall.
type Reply struct {
	Token  Token
	Status int
	Text   string
}

// OpenStream answers a SUBSCRIBE with 200 and a stream.
type OpenStream struct{ Token Token }

// Event sends an event on a stream.
type Event struct {
	Token Token
	Event *executor.Event
}

// CloseStream ends a stream after what was sent on it.
type CloseStream struct{ Token Token }

// Exit stops the agent.
type Exit struct{ Message string }

func (Send) effect()         {}
func (Reconnect) effect()    {}
func (Launch) effect()       {}
func (Nest) effect()         {}
func (CancelLaunch) effect() {}
func (Resize) effect()       {}
func (Signal) effect()       {}
func (Check) effect()        {}
func (CancelCheck) effect()  {}
func (KillAll) effect()      {}
func (Destroy) effect()      {}
func (Discard) effect()      {}
func (Reply) effect()        {}
func (OpenStream) effect()   {}
func (Event) effect()        {}
func (CloseStream) effect()  {}
func (ChangeVolume) effect() {}
func (SweepVolumes) effect() {}
func (Attach) effect()       {}
func (Detach) effect()       {}
func (Exit) effect()         {}
