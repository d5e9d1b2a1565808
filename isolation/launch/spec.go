package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Spec says what to run and with which rights. The zero value of every field
// but Path is usable.
type Spec struct {
	// Path of the executable. Not searched in PATH; a relative path is resolved
	// against Dir, after the change of root and user.
	Path string
	// Args is argv, the program's own name included; empty means {Path}.
	Args []string
	// Env is the whole environment as KEY=VALUE; nothing is inherited.
	Env []string
	// Dir is the working directory, entered as the task's user; empty means "/".
	Dir string
	// Umask of the process; nil means 022.
	Umask *uint32

	// User to become; nil keeps the caller's. Supplementary groups are always
	// replaced, by Groups if they are given and by none otherwise.
	User *User

	// Stdin, Stdout and Stderr become descriptors 0, 1 and 2; nil means /dev/null.
	Stdin, Stdout, Stderr *os.File
	// ExtraFiles become descriptors 3, 4, …. All others are closed.
	ExtraFiles []*os.File

	// Keep is held open by the process at KeepFD for whoever comes after this
	// agent; nil for none.
	Keep *os.File

	// Setsid makes the process leader of its own session.
	Setsid bool
	// Terminal makes Stdin, which is a terminal, that of the session.
	Terminal bool
	// Rlimits to set; Mesos' RLimitInfo names are resolved by the agent.
	Rlimits []Rlimit
	// OOMScoreAdj is written to oom_score_adj; nil inherits.
	OOMScoreAdj *int

	// NoNewPrivs forbids gaining rights by execve for ever after.
	NoNewPrivs bool
	// Capabilities to keep; nil keeps the caller's as far as User allows.
	Capabilities *Capabilities
	// Seccomp is a classic BPF filter; empty means none. It implies NoNewPrivs.
	Seccomp []unix.SockFilter

	// Namespaces to create for the process.
	Namespaces Namespaces
	// Join lists namespace files (/proc/PID/ns/net, …) to enter first, those of
	// processes excepted. With Namespaces.Mount the mounts are a copy of those joined.
	Join []*os.File
	// JoinPID is a namespace file of processes in which the process is born.
	JoinPID *os.File
	// Hostname, with Namespaces.UTS.
	Hostname string
	// Mounts are made in order, with Namespaces.Mount.
	Mounts []Mount
	// Root becomes "/" by pivot_root, after Mounts; needs Namespaces.Mount.
	Root string

	// reaper is set by StartInit: the program is this file, and its children leave
	// no zombies.
	reaper *os.File
}

// User is the identity a process assumes.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Rlimit is one resource limit in the kernel's units; unix.RLIM_INFINITY is
// no limit.
type Rlimit struct {
	Resource   int // unix.RLIMIT_*
	Soft, Hard uint64
}

// Namespaces says which namespaces the process gets for itself.
//
// With PID the command is process 1 of its namespace: a signal it has no handler
// for does not reach it, except SIGKILL and SIGSTOP from outside. A task that is to
// be ended by SIGTERM is better born into the namespace of an init (StartInit).
type Namespaces struct {
	Mount, PID, IPC, UTS, Net, Cgroup bool
}

// Groups names the cgroups the process must be in before it executes.
type Groups struct {
	// V2 is an open directory of the unified hierarchy, or nil.
	V2 *os.File
	// V1Tasks are the open "tasks" files of v1 hierarchies.
	V1Tasks []*os.File
}

// flags returns the clone flags that n asks for. The cgroup namespace is not among them:
// its root is where the process is when it is made, so it is made later (newPlan).
func (n Namespaces) flags() uint64 {
	var f uint64
	for _, x := range []struct {
		on   bool
		flag uint64
	}{
		{n.Mount, unix.CLONE_NEWNS}, {n.PID, unix.CLONE_NEWPID}, {n.IPC, unix.CLONE_NEWIPC},
		{n.UTS, unix.CLONE_NEWUTS}, {n.Net, unix.CLONE_NEWNET},
	} {
		if x.on {
			f |= x.flag
		}
	}
	return f
}

// cloned are the clone flags of s. Mounts of its own are a copy of those that it joins.
func (s *Spec) cloned() uint64 {
	n := s.Namespaces
	n.Mount = n.Mount && len(s.Join) == 0
	return n.flags()
}

// Validate returns all faults of s at once, nil if it can be launched.
func (s *Spec) Validate() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if s.Path == "" {
		fault("launch: no path to execute")
	}
	if s.Dir != "" && !filepath.IsAbs(s.Dir) {
		fault("launch: working directory %q is not absolute", s.Dir)
	}
	if s.Terminal && (!s.Setsid || s.Stdin == nil) {
		fault("launch: a terminal without a session and a Stdin")
	}
	if len(s.ExtraFiles) > KeepFD-3 && s.Keep != nil {
		fault("launch: %d extra files reach to descriptor %d, which is kept", len(s.ExtraFiles), KeepFD)
	}
	// A working directory below /proc/self/fd would escape a changed root.
	if strings.HasPrefix(filepath.Clean(s.Dir)+"/", "/proc/") {
		fault("launch: working directory %q is below /proc", s.Dir)
	}
	if s.Hostname != "" && !s.Namespaces.UTS {
		fault("launch: hostname %q without a UTS namespace", s.Hostname)
	}
	if (len(s.Mounts) > 0 || s.Root != "") && !s.Namespaces.Mount {
		fault("launch: mounts or a root without a mount namespace")
	}
	for _, v := range append(append([]string{s.Path, s.Dir, s.Hostname, s.Root}, s.Args...), s.Env...) {
		if strings.IndexByte(v, 0) >= 0 {
			fault("launch: NUL byte in %q", v)
		}
	}
	for _, r := range s.Rlimits {
		if r.Soft > r.Hard {
			fault("launch: rlimit %d: soft limit %d above hard limit %d", r.Resource, r.Soft, r.Hard)
		}
	}
	return errors.Join(faults...)
}
