package launch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plan is a Spec compiled to system calls.
type plan struct {
	ops   []op
	names []string // what each op does, for errors and tests
	clone cloneArgs
	regs  *[8]uintptr
	out   *verdict
	pidFD *int32
	// alive holds what ops point to as integers, unseen by the collector.
	alive []any
	// opened are duplicates to be closed after the launch.
	opened  []int
	joinPID *os.File
}

type planner struct {
	plan
	parked parking
}

// atFDCWD is AT_FDCWD as the kernel reads it from a register.
const atFDCWD = ^uintptr(99)

// keep ties the life of *v to the plan and returns its address.
func keep[T any](b *planner, v *T) uintptr {
	b.alive = append(b.alive, v)
	return uintptr(unsafe.Pointer(v))
}

// str returns the address of a NUL-terminated copy of s. Validate has refused
// strings with NUL bytes.
func (b *planner) str(s string) uintptr {
	buf := make([]byte, len(s)+1)
	copy(buf, s)
	return keep(b, &buf[0])
}

// vector returns the address of a NULL-terminated array of strings.
func (b *planner) vector(list []string) uintptr {
	v := make([]uintptr, len(list)+1)
	for i, s := range list {
		v[i] = b.str(s)
	}
	return keep(b, &v[0])
}

func (b *planner) add(name string, o op) {
	b.ops = append(b.ops, o)
	b.names = append(b.names, name)
}

// newPlan compiles s. The order is the point:
//
//  1. cgroups first, so that everything after is already accounted and limited;
//  2. namespaces and mounts while still root;
//  3. descriptors, limits, bounding set, then the user, then capabilities;
//  4. the working directory as the user, no_new_privs, and seccomp last but for
//     the two calls that the filter of any useful profile allows.
func newPlan(s *Spec, g Groups) (*plan, error) {
	b := &planner{}
	b.ops = make([]op, 0, 64)
	b.names = make([]string, 0, 64)
	b.regs, b.out, b.pidFD = new([8]uintptr), &verdict{failedOp: -1}, new(int32)
	b.clone = cloneArgs{
		flags:      unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_PIDFD | s.cloned(),
		pidFD:      uint64(uintptr(unsafe.Pointer(b.pidFD))),
		exitSignal: uint64(unix.SIGCHLD),
	}
	if g.V2 != nil {
		b.clone.flags |= unix.CLONE_INTO_CGROUP
		b.clone.cgroup = uint64(g.V2.Fd())
	}
	for _, f := range g.V1Tasks {
		b.add("join "+f.Name(), op{nr: unix.SYS_WRITE, a: [6]uintptr{f.Fd(), b.str("0"), 1}})
	}
	if s.Namespaces.Cgroup {
		b.add("make a cgroup namespace", op{nr: unix.SYS_UNSHARE, a: [6]uintptr{unix.CLONE_NEWCGROUP}})
	}
	b.joinPID = s.JoinPID
	for _, f := range s.Join {
		b.add("join namespace "+f.Name(), op{nr: unix.SYS_SETNS, a: [6]uintptr{f.Fd()}})
	}
	if s.Namespaces.Mount && len(s.Join) > 0 {
		b.add("copy mounts", op{nr: unix.SYS_UNSHARE, a: [6]uintptr{unix.CLONE_NEWNS}})
	}
	b.addSession(s)
	if err := errors.Join(b.addMounts(s), b.addDescriptors(s), b.addKept(s)); err != nil {
		b.release()
		return nil, err
	}
	b.addTerminal(s)
	b.addLimits(s)
	b.addIdentity(s)
	b.addExec(s)
	return &b.plan, nil
}

func (b *planner) addSession(s *Spec) {
	if s.Setsid {
		b.add("setsid", op{nr: unix.SYS_SETSID})
	}
	if s.OOMScoreAdj != nil {
		const reg = 1
		text := fmt.Sprint(*s.OOMScoreAdj)
		b.add("open oom_score_adj", op{nr: unix.SYS_OPENAT, store: reg,
			a: [6]uintptr{atFDCWD, b.str("/proc/self/oom_score_adj"), unix.O_WRONLY | unix.O_CLOEXEC}})
		b.add("set oom_score_adj to "+text, op{nr: unix.SYS_WRITE, load: reg, a: [6]uintptr{0, b.str(text), uintptr(len(text))}})
		b.add("close", op{nr: unix.SYS_CLOSE, load: reg})
	}
	if s.Hostname != "" {
		b.add("sethostname", op{nr: unix.SYS_SETHOSTNAME, a: [6]uintptr{b.str(s.Hostname), uintptr(len(s.Hostname))}})
	}
}

// addDescriptors moves files to 0, 1, 2, 3, …. The sources are first duplicated
// above that range, so that no move overwrites the source of a later one.
func (b *planner) addDescriptors(s *Spec) error {
	files := append([]*os.File{s.Stdin, s.Stdout, s.Stderr}, s.ExtraFiles...)
	null := -1
	for i, f := range files {
		src := null
		switch {
		case f != nil:
			// Fd also makes the description blocking, as programs expect.
			fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, len(files))
			if err != nil {
				return fmt.Errorf("launch: duplicate %s: %w", f.Name(), err)
			}
			b.opened = append(b.opened, fd)
			src = fd
		case null < 0:
			fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("launch: open /dev/null: %w", err)
			}
			null, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, len(files))
			b.opened = append(b.opened, fd)
			if err != nil {
				return fmt.Errorf("launch: duplicate /dev/null: %w", err)
			}
			b.opened = append(b.opened, null)
			src = null
		}
		b.add(fmt.Sprintf("move file to descriptor %d", i), op{nr: unix.SYS_DUP3, a: [6]uintptr{uintptr(src), uintptr(i)}})
	}
	return nil
}

// softNoFile is the conventional soft limit on descriptors. The Go runtime
// raises its own to the hard limit, and programs that use select or loop over
// all descriptors must not inherit that.
const softNoFile = 1024

func (b *planner) addLimits(s *Spec) {
	limits := s.Rlimits
	named := false
	for _, r := range limits {
		named = named || r.Resource == unix.RLIMIT_NOFILE
	}
	if !named {
		var cur unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &cur) == nil && cur.Max > softNoFile {
			limits = append([]Rlimit{{unix.RLIMIT_NOFILE, softNoFile, cur.Max}}, limits...)
		}
	}
	for _, r := range limits {
		v := &unix.Rlimit{Cur: r.Soft, Max: r.Hard}
		b.add(fmt.Sprintf("set rlimit %d to %d:%d", r.Resource, r.Soft, r.Hard),
			op{nr: unix.SYS_PRLIMIT64, a: [6]uintptr{0, uintptr(r.Resource), keep(b, v)}})
	}
	umask := uint32(0o022)
	if s.Umask != nil {
		umask = *s.Umask
	}
	b.add("umask", op{nr: unix.SYS_UMASK, a: [6]uintptr{uintptr(umask)}})
}

func (b *planner) addIdentity(s *Spec) {
	if s.Capabilities != nil {
		b.addBounding(s.Capabilities)
	}
	if u := s.User; u != nil {
		if s.Capabilities != nil {
			b.add("keep capabilities", op{nr: unix.SYS_PRCTL, a: [6]uintptr{unix.PR_SET_KEEPCAPS, 1}})
		}
		groups := append(make([]uint32, 0, len(u.Groups)+1), u.Groups...)
		b.add("setgroups", op{nr: unix.SYS_SETGROUPS, a: [6]uintptr{uintptr(len(groups)), keep(b, &groups[:1][0])}})
		gid, uid := uintptr(u.GID), uintptr(u.UID)
		b.add("setresgid", op{nr: unix.SYS_SETRESGID, a: [6]uintptr{gid, gid, gid}})
		b.add("setresuid", op{nr: unix.SYS_SETRESUID, a: [6]uintptr{uid, uid, uid}})
	}
	if s.Capabilities != nil {
		b.addCapset(s.Capabilities)
	}
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	b.add("chdir to "+dir, op{nr: unix.SYS_CHDIR, a: [6]uintptr{b.str(dir)}})
}

// sigaction is the kernel's struct; all zero is SIG_DFL with an empty mask.
type sigaction struct{ handler, flags, restorer, mask uintptr }

const sigIgn = 1

func (b *planner) addExec(s *Spec) {
	// An agent started by nohup ignores SIGHUP; its tasks must not.
	dfl := keep(b, new(sigaction))
	for sig := uintptr(1); sig < 32; sig++ {
		b.add("default signal action", op{nr: unix.SYS_RT_SIGACTION, a: [6]uintptr{sig, dfl, 0, 8}, mayFail: true})
	}
	b.add("empty signal mask", op{nr: unix.SYS_RT_SIGPROCMASK, a: [6]uintptr{unix.SIG_SETMASK, keep(b, new(uint64)), 0, 8}})

	// Before execve: it must flag even what the plan itself has opened.
	b.addCloseRange(s, 3+len(s.ExtraFiles))
	if s.NoNewPrivs || len(s.Seccomp) > 0 {
		b.add("set no_new_privs", op{nr: unix.SYS_PRCTL, a: [6]uintptr{unix.PR_SET_NO_NEW_PRIVS, 1}})
	}
	if len(s.Seccomp) > 0 {
		filter := append([]unix.SockFilter(nil), s.Seccomp...)
		b.alive = append(b.alive, filter)
		prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		b.add("install seccomp filter", op{nr: unix.SYS_PRCTL,
			a: [6]uintptr{unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, keep(b, prog)}})
	}
	args := s.Args
	if len(args) == 0 {
		args = []string{s.Path}
	}
	if s.reaper != nil {
		ignore := &sigaction{handler: sigIgn}
		b.add("ignore children", op{nr: unix.SYS_RT_SIGACTION, a: [6]uintptr{uintptr(unix.SIGCHLD), keep(b, ignore), 0, 8}})
		b.add("execute init", op{nr: unix.SYS_EXECVEAT, a: [6]uintptr{s.reaper.Fd(), b.str(""), b.vector(args), b.vector(nil), unix.AT_EMPTY_PATH}})
		return
	}
	b.add("execute "+s.Path, op{nr: unix.SYS_EXECVE, a: [6]uintptr{b.str(s.Path), b.vector(args), b.vector(s.Env)}})
}

// run forks and lets the child walk the plan, born into another namespace of
// processes if there is one. It returns the pid and an owned pidfd; on failure the
// child has been reaped.
func (p *plan) run() (pid int, pidFD int, err error) {
	leave, err := enterPIDNamespace(p.joinPID)
	if err != nil {
		return 0, -1, err
	}
	r, errno := fork(&p.clone, p.ops, p.regs, p.out)
	leave()
	runtime.KeepAlive(p)
	if errno != 0 {
		return 0, -1, fmt.Errorf("launch: clone3 with flags %#x: %w", p.clone.flags, errno)
	}
	pid, pidFD = int(r), int(*p.pidFD)
	if p.out.failedOp < 0 {
		return pid, pidFD, nil
	}
	for {
		if err := unix.Waitid(unix.P_PIDFD, pidFD, nil, unix.WEXITED, nil); err != unix.EINTR {
			break
		}
	}
	unix.Close(pidFD)
	return 0, -1, &Error{Step: p.names[p.out.failedOp], Errno: syscall.Errno(p.out.errno)}
}

// release closes what newPlan has opened.
func (p *plan) release() {
	for _, fd := range p.opened {
		unix.Close(fd)
	}
	p.opened = nil
}

// Error is a launch that failed in the child: nothing was executed and no
// process remains.
type Error struct {
	Step  string // the entry of the plan, such as "execute /bin/sh"
	Errno syscall.Errno
}

func (e *Error) Error() string { return "launch: " + e.Step + ": " + e.Errno.Error() }

// Unwrap lets errors.Is see the errno.
func (e *Error) Unwrap() error { return e.Errno }
