package runner

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/mesos"
)

// Spaces are an agent's rules for the namespaces of containers.
type Spaces struct {
	// ShmMiB is the size of /dev/shm of a container that has its own and names no
	// size (default_container_shm_size); 0: the kernel's default, half of the memory.
	ShmMiB uint32
	// KeepPIDs and KeepIPC refuse containers that want to share the agent's namespace
	// (disallow_sharing_agent_pid_namespace, disallow_sharing_agent_ipc_namespace).
	KeepPIDs, KeepIPC bool
}

// extent says which containers get something of their own.
type extent int

const (
	nobody extent = iota
	// whoAsks gets it, and nobody else.
	whoAsks
	// everyone gets it who does not ask for the opposite.
	everyone
)

// reach says who gets a namespace of their own of each kind.
type reach struct {
	mounts, ipc, pids  extent
	hostPaths, cgroups bool
}

var (
	procMount = isolation.Mount{Source: "proc", Target: "/proc", FSType: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}
	shmMount  = isolation.Mount{Source: "shm", Target: "/dev/shm", FSType: "tmpfs",
		Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_STRICTATIME, Data: "mode=1777"}
)

// mounts says whether containers may have mounts of their own.
func (c *confined) mounts() bool { return c.reach.hostPaths && os.Geteuid() == 0 }

// separate gives p the namespaces that it gets of its own.
func (c *confined) separate(p *Program) error {
	if !c.reach.hostPaths && len(p.Mounts) > 0 {
		return errors.New("the container has volumes to be mounted, and this agent's isolators lack filesystem/linux and volume/host_path")
	}
	linux := p.Container.GetLinuxInfo()
	if err := c.separateIPC(p, linux); err != nil {
		return err
	}
	if err := c.separatePIDs(p, linux); err != nil {
		return err
	}
	if name := p.Container.GetHostname(); name != "" && os.Geteuid() == 0 {
		p.Namespaces.UTS, p.Hostname = true, name
	}
	p.Namespaces.Cgroup = c.reach.cgroups
	c.shield(p)
	if len(p.Mounts) > 0 || c.reach.mounts == everyone {
		p.Namespaces.Mount = true
	}
	if p.Namespaces != (isolation.Namespaces{}) && os.Geteuid() != 0 {
		return errors.New("the container asks for namespaces or mounts of its own, which needs an agent that is root")
	}
	return nil
}

// separateIPC follows ipc_mode. Where it is not set, a container has a namespace of
// its own if all have, but the agent's /dev/shm, and a nested one that of the container
// above, as in Mesos.
func (c *confined) separateIPC(p *Program, linux *mesos.LinuxInfo) error {
	mode := linux.GetIpcMode()
	private := linux != nil && linux.IpcMode != nil && mode == mesos.LinuxInfo_PRIVATE
	if linux != nil && linux.ShmSize != nil && !private {
		return errors.New("shm_size: the container shares its /dev/shm, want ipc_mode PRIVATE")
	}
	switch {
	case c.reach.ipc == nobody:
	case private:
		p.Namespaces.IPC = true
		shm := shmMount
		size := c.spaces.ShmMiB
		if linux.ShmSize != nil {
			size = linux.GetShmSize()
		}
		if size > 0 {
			shm.Data += fmt.Sprintf(",size=%dm", size)
		}
		p.Mounts = append(p.Mounts, shm)
	case linux != nil && linux.IpcMode != nil && mode == mesos.LinuxInfo_UNKNOWN:
		return errors.New("ipc_mode: got UNKNOWN, want PRIVATE or SHARE_PARENT")
	case linux != nil && linux.IpcMode != nil:
		if c.spaces.KeepIPC && p.Above == "" {
			return errors.New("ipc_mode: this agent does not share its IPC namespace")
		}
	case c.reach.ipc == everyone:
		p.Namespaces.IPC = p.Above == ""
	}
	return nil
}

// separatePIDs follows share_pid_namespace: a nested container shares that of the one
// above.
func (c *confined) separatePIDs(p *Program, linux *mesos.LinuxInfo) error {
	asks := linux != nil && linux.SharePidNamespace != nil
	own := c.reach.pids == everyone && !linux.GetSharePidNamespace() || c.reach.pids == whoAsks && asks && !linux.GetSharePidNamespace()
	if linux.GetSharePidNamespace() && c.spaces.KeepPIDs && p.Above == "" && c.reach.pids != nobody {
		return errors.New("share_pid_namespace: this agent does not share its pid namespace")
	}
	if own {
		p.Namespaces.PID = true
		p.Mounts = append(p.Mounts, procMount)
	}
	return nil
}
