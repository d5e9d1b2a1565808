package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Mount is one mount made inside the process' own mount namespace, in the terms
// of mount(2). With Spec.Root, Target is resolved inside that root: neither a
// symbolic link nor ".." of a hostile image leads out of it.
type Mount struct {
	Source, Target, FSType string
	Flags                  uintptr // unix.MS_*
	Data                   string
}

// targetFD is where an in-root mount target is parked, so that its
// /proc/self/fd path is known when the plan is made. Below the usual soft limit
// on descriptors, far above what is open in a child.
const targetFD = 1000

// addMounts appends the ops for the mount namespace: nothing made here
// propagates to the host, what the host mounts later is seen (as in Mesos).
func (b *planner) addMounts(s *Spec) {
	if !s.Namespaces.Mount {
		return
	}
	b.mount("make mounts slave", "", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
	if s.Root != "" {
		// pivot_root wants a mount point.
		b.mount("bind root "+s.Root, s.Root, s.Root, "", unix.MS_BIND|unix.MS_REC, "")
	}
	for _, m := range s.Mounts {
		b.addMount(s.Root, m)
	}
	if s.Root == "" {
		return
	}
	dot := b.str(".")
	b.add("enter root "+s.Root, op{nr: unix.SYS_CHDIR, a: [6]uintptr{b.str(s.Root)}})
	b.add("pivot_root", op{nr: unix.SYS_PIVOT_ROOT, a: [6]uintptr{dot, dot}})
	b.add("detach old root", op{nr: unix.SYS_UMOUNT2, a: [6]uintptr{dot, unix.MNT_DETACH}})
	b.add("chdir to new root", op{nr: unix.SYS_CHDIR, a: [6]uintptr{b.str("/")}})
}

func (b *planner) addMount(root string, m Mount) {
	target := m.Target
	if root != "" {
		const rootReg, targetReg = 1, 2
		how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
		b.add("open root "+root, op{nr: unix.SYS_OPENAT, store: rootReg,
			a: [6]uintptr{atFDCWD, b.str(root), unix.O_PATH | unix.O_CLOEXEC | unix.O_DIRECTORY}})
		b.add("resolve mount target "+m.Target, op{nr: unix.SYS_OPENAT2, store: targetReg, load: rootReg,
			a: [6]uintptr{0, b.str(m.Target), keep(b, how), unix.SizeofOpenHow}})
		b.add("park mount target", op{nr: unix.SYS_DUP3, load: targetReg, a: [6]uintptr{0, targetFD, unix.O_CLOEXEC}})
		b.add("close", op{nr: unix.SYS_CLOSE, load: targetReg})
		b.add("close", op{nr: unix.SYS_CLOSE, load: rootReg})
		target = fmt.Sprintf("/proc/self/fd/%d", targetFD)
	}
	b.mount("mount "+m.Target, m.Source, target, m.FSType, m.Flags, m.Data)
	// A bind mount ignores all other flags; they take a remount.
	const bindOnly = unix.MS_BIND | unix.MS_REC
	if m.Flags&unix.MS_BIND != 0 && m.Flags&^uintptr(bindOnly) != 0 && root == "" {
		b.mount("remount "+m.Target, "", target, "", m.Flags&^uintptr(unix.MS_REC)|unix.MS_REMOUNT, "")
	}
}

func (b *planner) mount(name, source, target, fsType string, flags uintptr, data string) {
	b.add(name, op{nr: unix.SYS_MOUNT, a: [6]uintptr{
		b.str(source), b.str(target), b.str(fsType), flags, b.str(data)}})
}
