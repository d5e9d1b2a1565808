package runner

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
)

// shielded is what root may write without any capability, only because it belongs to
// root: switches of the kernel, among them one that stops the machine and one that
// names a program for the kernel to run, and the limits of cgroups, its own included.
var shielded = sync.OnceValue(func() []isolation.Mount {
	var out []isolation.Mount
	for _, path := range []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/sys"} {
		if _, err := os.Stat(path); err == nil {
			out = append(out, isolation.Mount{Source: path, Target: path, Flags: unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY})
		}
	}
	return out
})

// shield makes the kernel's switches read only for a process of root, in a mount
// namespace of its own. A process with SYS_ADMIN could undo it, and is there for
// things that need them. No isolator has to be named for it. It comes after all other mounts, some of which may cover it.
func (c *confined) shield(p *Program) {
	root := p.User == nil || p.User.UID == 0
	if os.Geteuid() != 0 || !root || p.Capabilities == nil || p.Capabilities.Bounding&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return
	}
	p.Mounts = append(p.Mounts, shielded()...)
}
