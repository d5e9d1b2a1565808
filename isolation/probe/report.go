package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Report is what this kernel can do. An empty reason means that it can.
type Report struct {
	Kernel  string
	Root    bool // effective user id is 0
	Cgroups Cgroups

	// PidfdExit: a pidfd tells the exit status of a process that is not our child.
	PidfdExit Feature
	// CloneIntoCgroup: clone3 can start a process inside a v2 cgroup.
	CloneIntoCgroup Feature
	// CgroupKill and CgroupFreeze: the v2 core has cgroup.kill, cgroup.freeze.
	CgroupKill, CgroupFreeze Feature
	// PSI: pressure stall information.
	PSI Feature
	// BTF of the kernel, which CO-RE programs need.
	BTF Feature
	// BPF: a program can be loaded.
	BPF Feature
	// InitNamespaces: we live in the initial pid namespace, so that the kernel's
	// pids are ours; the exit recorder depends on it.
	InitNamespaces Feature
	// Swap accounting limits.
	Swap Feature
}

// Feature is usable, or says why not.
type Feature struct{ Missing string }

// OK reports whether the feature is there.
func (f Feature) OK() bool { return f.Missing == "" }

func (f Feature) String() string {
	if f.OK() {
		return "yes"
	}
	return "no (" + f.Missing + ")"
}

func feature(err error) Feature {
	if err != nil {
		return Feature{err.Error()}
	}
	return Feature{}
}

// Host returns the report for this machine, made at the first call.
var Host = sync.OnceValue(probeHost)

func probeHost() Report {
	r := Report{Kernel: kernelRelease(), Root: os.Geteuid() == 0}
	r.Cgroups, _ = FindCgroups()
	r.PidfdExit = feature(tryPidfdExit())
	r.BTF = exists("/sys/kernel/btf/vmlinux")
	r.BPF = feature(tryBPF())
	r.PSI = exists("/proc/pressure/cpu")
	r.InitNamespaces = feature(inInitPIDNamespace())
	if r.Cgroups.V2 == "" {
		none := Feature{"no unified hierarchy is mounted"}
		r.CloneIntoCgroup, r.CgroupKill, r.CgroupFreeze = none, none, none
	} else {
		r.probeV2(r.Cgroups.V2)
	}
	r.Swap = r.probeSwap()
	return r
}

// probeV2 needs a non-root cgroup to look into, which it removes again.
func (r *Report) probeV2(mount string) {
	dir, err := os.MkdirTemp(mount, "caprock-probe-")
	if err != nil {
		f := feature(err)
		r.CloneIntoCgroup, r.CgroupKill, r.CgroupFreeze = f, f, f
		return
	}
	defer os.Remove(dir)
	r.CgroupKill = exists(dir + "/cgroup.kill")
	r.CgroupFreeze = exists(dir + "/cgroup.freeze")
	r.CloneIntoCgroup = feature(tryCloneInto())
}

func (r *Report) probeSwap() Feature {
	if m := r.Cgroups.V1["memory"]; m != "" {
		return exists(m + "/memory.memsw.limit_in_bytes")
	}
	return exists("/proc/swaps")
}

// String is one feature a line, for logs and `caprock` diagnostics.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel: %s\nroot: %t\ncgroups: %s\n", r.Kernel, r.Root, r.Cgroups)
	for _, f := range []struct {
		name string
		Feature
	}{
		{"clone into cgroup", r.CloneIntoCgroup}, {"cgroup.kill", r.CgroupKill}, {"cgroup.freeze", r.CgroupFreeze},
		{"exit status by pidfd", r.PidfdExit}, {"kernel BTF", r.BTF}, {"BPF programs", r.BPF},
		{"initial pid namespace", r.InitNamespaces}, {"pressure stall information", r.PSI}, {"swap limit", r.Swap},
	} {
		fmt.Fprintf(&b, "%s: %s\n", f.name, f.Feature)
	}
	return b.String()
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func exists(path string) Feature {
	_, err := os.Stat(path)
	return feature(err)
}

// tryPidfdExit asks for our own (unfinished) exit info: a kernel that knows the
// question answers without the bit or with ESRCH, an older one with ENOTTY.
func tryPidfdExit() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	defer unix.Close(fd)
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err = unix.IoctlPidfdInfo(fd, &info)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("PIDFD_GET_INFO: %w", err)
	}
	return nil
}

// tryCloneInto passes a descriptor that is a file, not a cgroup: a kernel that
// knows the flag looks and says EBADF; one that does not says E2BIG or EINVAL.
func tryCloneInto() error {
	f, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	defer f.Close()
	args := [11]uint64{0: unix.CLONE_INTO_CGROUP, 4: uint64(unix.SIGCHLD), 10: uint64(f.Fd())}
	_, _, e := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if e == unix.EBADF {
		return nil
	}
	return fmt.Errorf("clone3 with CLONE_INTO_CGROUP: %w", e)
}

// tryBPF loads the smallest program of a kind that nobody can attach by mistake.
func tryBPF() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		return fmt.Errorf("load a BPF program: %w", err)
	}
	return p.Close()
}

// initPIDNS is the fixed inode number of the initial pid namespace.
const initPIDNS = 0xEFFFFFFC

func inInitPIDNamespace() error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return err
	}
	if st.Ino != initPIDNS {
		return fmt.Errorf("pid namespace is %d, not the initial one", st.Ino)
	}
	return nil
}
