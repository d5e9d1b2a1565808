package runner

import (
	"errors"
	"log/slog"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/wire/mesos"
)

// Kernel starts and holds containers. Methods may be called concurrently.
type Kernel interface {
	// Start makes container id and a process in it. After an error nothing is
	// left.
	Start(id string, limits core.Limits, p Program) (*isolation.Process, error)
	// Hold makes container id without a process of anybody's, or changes the limits of
	// one that is there, for StartBelow and for what names it as Above. It has the
	// namespaces and mounts of p, for those that share them.
	Hold(id string, limits core.Limits, p Program) error
	// StartBelow makes container id, "parent/name", inside of the container parent,
	// whose limits it shares, and a process in it.
	StartBelow(id string, p Program) (*isolation.Process, error)
	// Join starts one more process in container id, which exists, where it sees what
	// those see that are there.
	Join(id string, p Program) (*isolation.Process, error)
	// Adopt returns the process that an earlier agent started; it may be over.
	Adopt(id string, pid int, startTicks uint64) (*isolation.Process, error)
	// Find reports whether container id exists, and the process in it that
	// started first, alive or not; pid is 0 if there is no trace of any.
	Find(id string) (pid int, startTicks uint64, exists bool)
	// List names every container that exists, those below others too.
	List() ([]string, error)
	Resize(id string, limits core.Limits) error
	// Signal reaches every process in the container, KillAll surely.
	Signal(id string, sig syscall.Signal) error
	KillAll(id string) error
	// Destroy ends what is left and removes the container; repeatable.
	Destroy(id string) error
	// OOM is closed when container id runs out of memory; nil if that cannot be
	// seen. OOMKilled asks whether that has happened.
	OOM(id string) <-chan struct{}
	OOMKilled(id string) bool
	// Usage is what container id uses.
	Usage(id string) (isolation.Usage, error)
	// NetClass of the packets of container id; 0 for none.
	NetClass(id string) uint32
	// Source says where CPU times come from: "bpf", "cgroup" or "".
	Source() string
	// BlockSource says where block transfers come from, likewise.
	BlockSource() string
	// Close lets go of everything and leaves it as it is; Remove ends and removes
	// everything.
	Close() error
	Remove() error
}

// Program is a process to be started, and what it wants of its container.
type Program struct {
	isolation.Spec
	// Container is nil for no wishes. Its volumes are among the mounts of Spec
	// already.
	Container *mesos.ContainerInfo
	// Above is the container that this one is nested in, "" for none. What it has no
	// namespace of its own for, it shares with that.
	Above string
	// Beside says that the process sees what those see that are in the container
	// above its own, as a session does.
	Beside bool
}

// Isolation names of KernelOptions.
const (
	// Cgroups limits, accounts and kills by cgroup.
	Cgroups = "cgroups"
	// Posix only makes sessions: no limits, no accounting.
	Posix = "posix"
	// Auto is Cgroups where that works, else Posix.
	Auto = "auto"
)

// KernelOptions configures OpenKernel.
type KernelOptions struct {
	// Isolation is Cgroups, Posix or Auto (also ""), or a list of Mesos' isolators.
	Isolation string
	Rights    Rights
	Spaces    Spaces
	// LimitSwap counts swap within the memory limit (cgroups_limit_swap).
	LimitSwap bool
	// Devices that tasks may use beside isolation.DefaultDevices.
	Devices []isolation.DeviceRule
	// NetClasses of containers, with cgroups/net_cls.
	NetClasses NetClasses
	// Perf events that are counted, with cgroups/perf_event.
	Perf Perf
	// CgroupsRoot is the agent's directory in each cgroup hierarchy.
	CgroupsRoot string
	// BPFPinDir keeps BPF programs and maps between agents; "" for none.
	BPFPinDir string
	// Exits knows ends that were noted while no agent ran, where BPF does not record
	// them; nil if nothing does.
	Exits  func(pid int, startTicks uint64) (waitStatus int, ok bool)
	Logger *slog.Logger
}

// RecordsExits reports whether the ends of processes are recorded by BPF on this
// machine: not without cgroups, nor in a container.
func (o *KernelOptions) RecordsExits() bool {
	r := probe.Host()
	return o.Isolation != Posix && o.BPFPinDir != "" && r.Root && r.BPF.OK() && r.InitNamespaces.OK() && r.Cgroups.V2 != ""
}

// OpenKernel opens this machine. A list of isolators that it cannot honour is an
// error which says what is missing.
func OpenKernel(o KernelOptions) (Kernel, error) {
	is, err := parseIsolation(o.Isolation)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(o.Rights.Validate(), o.NetClasses.Validate(), o.Perf.Validate()); err != nil {
		return nil, err
	}
	k, err := is.open(o)
	if err != nil {
		return nil, err
	}
	c, err := confine(k, &o, is.reach())
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return c, nil
}
