package launch

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mount is one mount made inside the process' own mount namespace, in the terms
// of mount(2).
//
// Paths that somebody else can change must not lead astray: with Base, Target is
// resolved inside that directory, which without it is Spec.Root if there is one, and
// with SourceBase the same holds for Source. Neither a symbolic link nor ".." leads
// out of them. The two bases are absolute paths in which no symbolic link is followed.
type Mount struct {
	Source, Target, FSType string
	// Flags are unix.MS_*. MS_RDONLY of a bind mount holds for what is mounted
	// below Source too.
	Flags            uintptr
	Data             string
	Base, SourceBase string
	// Shared lets what is mounted below Target appear below Source on the host, and the
	// other way round. It is for bind mounts of an absolute Source, which has to be on a
	// mount that the host shares: see OnSharedMount.
	Shared bool
}

// parking are the descriptors at which resolved paths are kept, so that their
// /proc/self/fd paths are known when the plan is made.
type parking struct{ target, source uintptr }

// reserve opens the descriptors here and now: nothing that the child opens can get their
// numbers then, however many files this process has open.
func (b *planner) reserve() error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("launch: open /dev/null: %w", err)
	}
	b.opened = append(b.opened, null)
	other, err := unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("launch: duplicate /dev/null: %w", err)
	}
	b.opened = append(b.opened, other)
	b.parked = parking{target: uintptr(null), source: uintptr(other)}
	return nil
}

// addMounts appends the ops for the mount namespace: nothing made here
// propagates to the host, what the host mounts later is seen (as in Mesos).
func (b *planner) addMounts(s *Spec) error {
	if !s.Namespaces.Mount {
		return nil
	}
	if err := b.reserve(); err != nil {
		return err
	}
	b.mount("make mounts slave", "", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
	if s.Root != "" {
		// pivot_root wants a mount point.
		b.mount("bind root "+s.Root, s.Root, s.Root, "", unix.MS_BIND|unix.MS_REC, "")
	}
	for _, m := range s.Mounts {
		if err := b.addMount(s.Root, m); err != nil {
			return err
		}
	}
	if s.Root == "" {
		return nil
	}
	dot := b.str(".")
	b.add("enter root "+s.Root, op{nr: unix.SYS_CHDIR, a: [6]uintptr{b.str(s.Root)}})
	b.add("pivot_root", op{nr: unix.SYS_PIVOT_ROOT, a: [6]uintptr{dot, dot}})
	b.add("detach old root", op{nr: unix.SYS_UMOUNT2, a: [6]uintptr{dot, unix.MNT_DETACH}})
	b.add("chdir to new root", op{nr: unix.SYS_CHDIR, a: [6]uintptr{b.str("/")}})
	return nil
}

func (b *planner) addMount(root string, m Mount) error {
	source, target := m.Source, m.Target
	base := m.Base
	if base == "" {
		base = root
	}
	if m.SourceBase != "" {
		source = b.resolve("source", root, m.SourceBase, m.Source, b.parked.source)
	}
	if base != "" {
		target = b.resolve("target", root, base, m.Target, b.parked.target)
	}
	const bind = unix.MS_BIND | unix.MS_REC
	if m.Shared {
		if err := b.moveShared(m, target); err != nil {
			return err
		}
	} else {
		b.mount("mount "+m.Target, source, target, m.FSType, m.Flags, m.Data)
	}
	if m.Flags&unix.MS_BIND == 0 || m.Flags&^uintptr(bind) == 0 {
		return nil
	}
	// A bind mount ignores all other flags. What was mounted covers the target, so
	// it takes a second look to find it.
	if base == "" {
		base = "/"
	}
	b.resolve("target", root, base, m.Target, b.parked.target)
	attr := &unix.MountAttr{Attr_set: attributesOf(m.Flags)}
	b.add("set attributes of mount "+m.Target, op{nr: unix.SYS_MOUNT_SETATTR, a: [6]uintptr{
		b.parked.target, b.str(""), unix.AT_EMPTY_PATH | unix.AT_RECURSIVE, keep(b, attr), unsafe.Sizeof(*attr)}})
	return nil
}

// moveShared mounts a copy of the host's mount that was taken before the child makes its
// own mounts slaves, and so is the host's equal.
func (b *planner) moveShared(m Mount, target string) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("launch: copy the mount of %s: %w", m.Source, err)
	}
	b.opened = append(b.opened, fd)
	b.add("mount "+m.Target, op{nr: unix.SYS_MOVE_MOUNT, a: [6]uintptr{
		uintptr(fd), b.str(""), atFDCWD, b.str(target), unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_SYMLINKS}})
	return nil
}

// OnSharedMount reports whether what is mounted below path shows in the other mount
// namespaces that share the mount which path is on.
func OnSharedMount(path string) (bool, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &st); err != nil {
		return false, fmt.Errorf("launch: mount of %s: %w", path, err)
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, fmt.Errorf("launch: mount of %s: %w", path, err)
	}
	for line := range strings.Lines(string(table)) {
		// "36 35 98:0 /root /at rw,noatime shared:1 - ext4 /dev/root rw"
		head, _, _ := strings.Cut(line, " - ")
		fields := strings.Fields(head)
		if len(fields) < 6 || fields[0] != fmt.Sprint(st.Mnt_id) {
			continue
		}
		return slices.ContainsFunc(fields[6:], func(f string) bool { return strings.HasPrefix(f, "shared:") }), nil
	}
	return false, fmt.Errorf("launch: mount %d of %s is not in the table of mounts", st.Mnt_id, path)
}

// attributesOf translates flags of mount(2) to those of mount_setattr(2).
func attributesOf(flags uintptr) uint64 {
	var attr uint64
	for flag, bit := range map[uintptr]uint64{unix.MS_RDONLY: unix.MOUNT_ATTR_RDONLY, unix.MS_NOSUID: unix.MOUNT_ATTR_NOSUID,
		unix.MS_NODEV: unix.MOUNT_ATTR_NODEV, unix.MS_NOEXEC: unix.MOUNT_ATTR_NOEXEC} {
		if flags&flag != 0 {
			attr |= bit
		}
	}
	return attr
}

// resolve finds path inside base without leaving it, parks it at descriptor fd and
// returns a path to that. It has to happen in the child: a file that was opened in
// our mount namespace is no place to mount on in another.
func (b *planner) resolve(what, root, base, path string, fd uintptr) string {
	const baseReg, pathReg = 1, 2
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	const open = unix.O_PATH | unix.O_CLOEXEC | unix.O_DIRECTORY
	if base == root {
		b.add("open root "+base, op{nr: unix.SYS_OPENAT, store: baseReg, a: [6]uintptr{atFDCWD, b.str(base), open}})
	} else {
		straight := &unix.OpenHow{Flags: open, Resolve: unix.RESOLVE_NO_SYMLINKS}
		b.add("open base "+base, op{nr: unix.SYS_OPENAT2, store: baseReg, a: [6]uintptr{atFDCWD, b.str(base), keep(b, straight), unix.SizeofOpenHow}})
	}
	b.add("resolve mount "+what+" "+path, op{nr: unix.SYS_OPENAT2, store: pathReg, load: baseReg,
		a: [6]uintptr{0, b.str(path), keep(b, how), unix.SizeofOpenHow}})
	b.add("park mount "+what, op{nr: unix.SYS_DUP3, load: pathReg, a: [6]uintptr{0, fd, unix.O_CLOEXEC}})
	b.add("close", op{nr: unix.SYS_CLOSE, load: pathReg})
	b.add("close", op{nr: unix.SYS_CLOSE, load: baseReg})
	return fmt.Sprintf("/proc/self/fd/%d", fd)
}

func (b *planner) mount(name, source, target, fsType string, flags uintptr, data string) {
	b.add(name, op{nr: unix.SYS_MOUNT, a: [6]uintptr{
		b.str(source), b.str(target), b.str(fsType), flags, b.str(data)}})
}
