package isolation

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/caprock/caprock/isolation/bpf"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/isolation/seccomp"
)

// The vocabulary of the packages below, so that the agent imports this one only.
type (
	// Report is what the kernel can do.
	Report = probe.Report
	// Limits of a group.
	Limits = cgroup.Limits
	// Spec of a process.
	Spec = launch.Spec
	// User is the identity a process assumes.
	User = launch.User
	// Rlimit is one resource limit.
	Rlimit = launch.Rlimit
	// Namespaces that a process gets for itself.
	Namespaces = launch.Namespaces
	// Capabilities that a process keeps.
	Capabilities = launch.Capabilities
	// Mount in a process' mount namespace.
	Mount = launch.Mount
	// Process is a handle to a started or adopted process.
	Process = launch.Process
	// DeviceRule lets processes use devices.
	DeviceRule = cgroup.DeviceRule
	// BlockLimit bounds transfers from and to one device, a BlockDevice.
	BlockLimit  = cgroup.BlockLimit
	BlockDevice = cgroup.Device
	// BlockUsage is what was transferred from and to one device.
	BlockUsage = cgroup.BlockUsage
	// ExitStatus is how a process ended.
	ExitStatus = launch.ExitStatus
	// LaunchError is a launch that failed before the program ran; it names the step.
	LaunchError = launch.Error
)

// DefaultCapabilities are those of a root user in a container.
const DefaultCapabilities = launch.DefaultCapabilities

// DefaultSeccomp is the filter for Spec.Seccomp that the agent uses unless it is
// told otherwise.
var DefaultSeccomp = seccomp.Default

// ErrNoController says that the host cannot enforce a limit that was asked for.
var ErrNoController = cgroup.ErrNoController

// DefaultDevices are what programs need, for Options.Devices.
var DefaultDevices = cgroup.DefaultDevices

// DeviceAt is the rule for the device node at a path.
var DeviceAt = cgroup.DeviceAt

// ErrForeign says that a process to be adopted is not in the group it should be in.
var ErrForeign = errors.New("process is not in its group")

// Options of a Host.
type Options struct {
	// Root names our directory in each cgroup hierarchy, such as
	// "caprock/agent-1". Agents on one machine need different ones.
	Root string
	// BPFPinDir is a directory in a BPF file system, made if missing, in which
	// programs and maps survive the agent. Empty: no BPF, cgroup files only.
	BPFPinDir string
	// MaxGroups bounds how many groups BPF accounts for; 4096 if 0. Groups
	// beyond it are read from files.
	MaxGroups int
	// Controllers of cgroups to use; empty for cpu, cpuacct, memory, pids as far
	// as the host has them.
	Controllers []string
	// MemoryEvents counts how often groups are short of memory, on v1 only.
	MemoryEvents bool
	// Exits knows ends that were noted without BPF; nil if nothing does.
	Exits func(pid int, startTicks uint64) (waitStatus int, ok bool) `json:"-"`
	// Devices that processes may use; nil for all that their users may.
	Devices []DeviceRule
	// RemoveTimeout bounds the wait for dying processes in Destroy; 10 s if 0.
	RemoveTimeout time.Duration
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
	// Step is called before each change of the kernel's state that a launch or a
	// teardown consists of; nil for nothing. Tests end the process there.
	Step func(what string) `json:"-"`
}

// Host is this machine. Its methods may be called concurrently.
type Host struct {
	opts Options
	tree *cgroup.Tree
	bpf  *bpf.Accounts // nil without BPF
}

// Open prepares the host. It does not fail for want of BPF, only for want of
// cgroups.
func Open(o Options) (*Host, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	viaV1 := o.withDevicesOfV1()
	tree, err := cgroup.Open(cgroup.Options{Cgroups: probe.Host().Cgroups, Root: o.Root,
		Controllers: o.Controllers, RemoveTimeout: o.RemoveTimeout, Logger: o.Logger, Step: o.Step, MemoryEvents: o.MemoryEvents})
	if err != nil {
		return nil, err
	}
	h := &Host{opts: o, tree: tree}
	if err := h.restrictDevices(viaV1); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	if o.BPFPinDir != "" {
		if h.bpf, err = openBPF(o, tree); err != nil {
			o.Logger.Warn("no BPF accounting, reading cgroup files instead", "err", err)
			h.bpf = nil
		}
	}
	return h, nil
}

// Probe returns what this kernel can do.
func (h *Host) Probe() Report { return probe.Host() }

// Source is "bpf" or "cgroup": where CPU time comes from.
func (h *Host) Source() string {
	if h.bpf != nil {
		return SourceBPF
	}
	return SourceCgroup
}

// Create makes a group; fs.ErrExist if it is there. After an error nothing is left.
func (h *Host) Create(id string, l Limits) (*Group, error) {
	cg, err := h.tree.Create(id, l)
	if err != nil {
		return nil, err
	}
	return h.wrap(cg, 0, false), nil
}

// CreateBelow makes a group inside of another whose limits it shares; see
// cgroup.Tree.CreateBelow.
func (h *Host) CreateBelow(parent, name string) (*Group, error) {
	cg, err := h.tree.CreateBelow(parent, name)
	if err != nil {
		return nil, err
	}
	return h.wrap(cg, 0, false), nil
}

// Group returns an existing group; fs.ErrNotExist if there is none.
func (h *Host) Group(id string) (*Group, error) {
	cg, err := h.tree.Reopen(id)
	if err != nil {
		return nil, err
	}
	used, _, err := cg.Sample(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return h.wrap(cg, used, true), nil
}

// BlockSource is where block transfers of groups come from, as far as a group has no
// other; "" if nothing counts them.
func (h *Host) BlockSource() string {
	switch {
	case h.bpf != nil && h.bpf.CountsBlocks():
		return SourceBPF
	case h.tree.CountsBlocks():
		return SourceCgroup
	}
	return ""
}

// wrap puts a group under BPF accounting if it can be, starting from used; late says
// that it has been there for longer.
func (h *Host) wrap(cg *cgroup.Group, used time.Duration, late bool) *Group {
	g := &Group{Group: cg, host: h}
	if h.bpf != nil && cg.V2ID() != 0 {
		h.step("account for " + cg.ID())
		if err := h.bpf.Register(cg.V2ID(), used, late); err != nil {
			h.opts.Logger.Warn("group is not accounted by BPF", "group", cg.ID(), "err", err)
		} else {
			g.viaBPF = true
		}
	}
	return g
}

// PerfDir is the parent of all groups where performance events are counted.
func (h *Host) PerfDir() string { return h.tree.PerfDir() }

// List names all groups below our root, sorted.
func (h *Host) List() ([]string, error) { return h.tree.List() }

// ListBelow names the groups that CreateBelow made inside of a group, at any depth; see cgroup.Tree.ListBelow.
func (h *Host) ListBelow(id string) ([]string, error) { return h.tree.ListBelow(id) }

// Start launches s inside g. An error that matches *LaunchError comes from the
// Spec (no such program, not permitted); no process is left after any error.
//
// With Namespaces.PID the process has a sibling, the init of its namespace, which
// lives as long as g.
func (h *Host) Start(g *Group, s Spec) (*Process, error) {
	groups, leave, err := enter(g)
	if err != nil {
		return nil, err
	}
	defer leave()
	h.step("start init")
	finish, err := startInit(&s, groups)
	if err != nil {
		return nil, err
	}
	h.step("start " + s.Path)
	p, err := launch.Start(&s, groups)
	finish(err == nil)
	h.step("note " + s.Path)
	return p, err
}

// Hold starts a process in g that keeps the namespaces and mounts of s for processes of
// other groups to join (InSpace), as long as g lives.
func (h *Host) Hold(g *Group, s *Spec) error {
	groups, leave, err := enter(g)
	if err != nil {
		return err
	}
	defer leave()
	h.step("start holder")
	// Its end is waited for until then, by the watch that every process has.
	_, err = launch.StartHolder(s, groups)
	h.step("note holder")
	return err
}

// enter opens what a process joins that is born into g.
func enter(g *Group) (groups launch.Groups, leave func(), err error) {
	v2, tasks, err := g.Enter()
	if err != nil {
		return groups, nil, err
	}
	return launch.Groups{V2: v2, V1Tasks: tasks}, func() {
		if v2 != nil {
			v2.Close()
		}
		for _, f := range tasks {
			f.Close()
		}
	}, nil
}

// Adopt returns a handle to a process that an earlier agent started in group id.
// If it has ended, or its pid belongs to another by now, Exited says so at once,
// with the status if the kernel has kept it.
func (h *Host) Adopt(id string, pid int, startTicks uint64) (*Process, error) {
	p, err := launch.Adopt(pid, startTicks, h.recordedExit)
	if err != nil {
		return nil, err
	}
	if _, done := p.Status(); done {
		return p, nil
	}
	if h.tree.Holds(id, pid) || p.Signal(0) != nil {
		return p, nil
	}
	p.Close()
	return nil, fmt.Errorf("isolation: adopt process %d into %s: %w", pid, id, ErrForeign)
}

// FirstExit returns the process of a group that started first among those whose
// end was recorded; ok is false where BPF does not keep that record.
func (h *Host) FirstExit(g *Group) (pid int, startTicks uint64, ok bool) {
	if h.bpf == nil {
		return 0, 0, false
	}
	return h.bpf.FirstExit(g.V2ID())
}

// step announces a change.
func (h *Host) step(what string) {
	if h.opts.Step != nil {
		h.opts.Step(what)
	}
}

func (h *Host) recordedExit(pid int, startTicks uint64) (int, bool) {
	if h.bpf != nil {
		if status, ok := h.bpf.ExitStatus(pid, startTicks); ok {
			return status, true
		}
	}
	if h.opts.Exits == nil {
		return 0, false
	}
	return h.opts.Exits(pid, startTicks)
}

// Close lets go of everything and leaves groups, processes and accounting as they
// are, for the next agent.
func (h *Host) Close() error {
	err := h.tree.Close()
	if h.bpf != nil {
		err = errors.Join(err, h.bpf.Close(false))
	}
	return err
}

// Remove ends every process in every group and leaves nothing: no group, no pin.
func (h *Host) Remove() error {
	err := h.tree.Remove()
	err = errors.Join(err, h.tree.Close())
	if h.bpf != nil {
		err = errors.Join(err, h.bpf.Close(true))
	}
	return err
}
