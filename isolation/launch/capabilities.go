package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DefaultCapabilities are those of a root user in a container: what ordinary
// daemons use, without raw sockets.
const DefaultCapabilities uint64 = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FSETID | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_MKNOD | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETFCAP | 1<<unix.CAP_SETPCAP |
	1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_KILL | 1<<unix.CAP_AUDIT_WRITE

// Capabilities are the sets that a process keeps, as bit masks of
// 1<<unix.CAP_*. What is not named is dropped.
type Capabilities struct {
	// Bounding limits what the process and its descendants can ever gain.
	Bounding uint64
	// Effective becomes the effective, permitted and inheritable sets.
	Effective uint64
	// Ambient survives execve for a user who is not root; it must be a subset
	// of Effective.
	Ambient uint64
}

// capData is one half of capset's data; the kernel takes 64 bits as two.
type capData struct{ effective, permitted, inheritable uint32 }

type capHeader struct {
	version uint32
	_       int32 // pid; 0 is the caller
}

// lastCap is beyond what any kernel we know has; dropping one that does not
// exist fails with EINVAL, which the plan ignores for those past unix.CAP_LAST_CAP.
const lastCap = 63

// addBounding appends the ops that shrink the bounding set; they need CAP_SETPCAP
// and so come before the change of user.
func (b *planner) addBounding(c *Capabilities) {
	for n := uintptr(0); n <= lastCap; n++ {
		if c.Bounding&(1<<n) == 0 {
			b.add("drop capability from bounding set", op{nr: unix.SYS_PRCTL,
				a: [6]uintptr{unix.PR_CAPBSET_DROP, n}, mayFail: n > unix.CAP_LAST_CAP})
		}
	}
}

// addCapset appends the ops that set the other sets, after the change of user.
func (b *planner) addCapset(c *Capabilities) {
	h := &capHeader{version: unix.LINUX_CAPABILITY_VERSION_3}
	lo, hi := uint32(c.Effective), uint32(c.Effective>>32)
	d := &[2]capData{{lo, lo, lo}, {hi, hi, hi}}
	b.add("capset", op{nr: unix.SYS_CAPSET, a: [6]uintptr{keep(b, h), keep(b, d)}})
	b.add("clear ambient capabilities", op{nr: unix.SYS_PRCTL,
		a: [6]uintptr{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL}, mayFail: true})
	for n := uintptr(0); n <= unix.CAP_LAST_CAP; n++ {
		if c.Ambient&(1<<n) != 0 {
			b.add("raise ambient capability", op{nr: unix.SYS_PRCTL,
				a: [6]uintptr{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, n}})
		}
	}
}

// OwnCapabilities are the permitted capabilities of this process: nobody can hand out more.
func OwnCapabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("launch: read our own capabilities: %w", err)
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted), nil
}
