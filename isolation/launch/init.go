package launch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// StartInit starts process 1 of a new namespace of processes, inside g, and returns
// it with the namespace, which the caller closes. Processes are then born into it by
// Spec.JoinPID.
//
// Process 1 is special: the kernel drops signals that it has no handler for, so that
// SIGTERM would not end an ordinary program in that place, and nobody reaps what
// others leave behind. Therefore it is a program of its own, of nine machine
// instructions at most: it sleeps, for ever, in one page of memory. The task is its
// sibling, a child of ours whose signals and exit status are as usual. When init is
// killed, with its cgroup, the kernel ends all that is left in the namespace.
func StartInit(g Groups) (*Process, *os.File, error) {
	program, err := initProgram()
	if err != nil {
		return nil, nil, err
	}
	p, err := Start(holder(program, &Spec{Namespaces: Namespaces{PID: true}}), g)
	if err != nil {
		return nil, nil, err
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/pid", p.Pid()))
	if err != nil {
		p.Signal(unix.SIGKILL)
		return nil, nil, fmt.Errorf("launch: namespace of init: %w", err)
	}
	return p, ns, nil
}

// StartHolder starts a process, inside g, that keeps the namespaces and mounts of s for
// others to join, and is nothing else: the same program, process 1 if it is in a
// namespace of processes of its own.
func StartHolder(s *Spec, g Groups) (*Process, error) {
	program, err := initProgram()
	if err != nil {
		return nil, err
	}
	return Start(holder(program, s), g)
}

// holder is a process that has the namespaces and mounts of s and sleeps.
func holder(program *os.File, s *Spec) *Spec {
	return &Spec{Path: "caprock-init", Namespaces: s.Namespaces, Mounts: s.Mounts, Hostname: s.Hostname, Setsid: true,
		NoNewPrivs: true, Capabilities: &Capabilities{}, reaper: program}
}

// IsInit reports whether a process is process 1 of a namespace other than ours.
func IsInit(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			list := strings.Fields(ids)
			return len(list) > 1 && list[len(list)-1] == "1"
		}
	}
	return false
}

const allSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// initProgram is the sealed file that init executes.
var initProgram = sync.OnceValues(func() (*os.File, error) {
	fd, err := unix.MemfdCreate("caprock-init", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("launch: memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "caprock-init")
	if _, err = f.Write(initELF()); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, allSeals)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("launch: init program: %w", err)
	}
	return f, nil
})

// initELF is an executable that holds initCode and nothing else.
func initELF() []byte {
	const (
		base       = 0x400000
		headerSize = 64
		entrySize  = 56
	)
	size := uint64(headerSize + entrySize + len(initCode))
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			// Writing to a buffer does not fail.
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	// File header: 64 bit, little endian, version 1; executable; one segment.
	put([16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, uint16(2), elfMachine, uint32(1))
	put(uint64(base+headerSize+entrySize), uint64(headerSize), uint64(0), uint32(0))
	put(uint16(headerSize), uint16(entrySize), uint16(1), uint16(0), uint16(0), uint16(0))
	// The segment: the whole file, to be loaded, readable and executable.
	put(uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(4096))
	b.Write(initCode)
	return b.Bytes()
}

// enterPIDNamespace makes children of this thread be born into ns until leave is
// called; nil is no other namespace than ours. The thread itself stays where it is.
func enterPIDNamespace(ns *os.File) (leave func(), err error) {
	if ns == nil {
		return func() {}, nil
	}
	own, err := os.Open("/proc/self/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("launch: %w", err)
	}
	runtime.LockOSThread()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWPID); err != nil {
		runtime.UnlockOSThread()
		own.Close()
		return nil, fmt.Errorf("launch: enter namespace %s: %w", ns.Name(), err)
	}
	return func() {
		// A thread that cannot come back stays locked and ends with its goroutine.
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWPID) == nil {
			runtime.UnlockOSThread()
		}
		own.Close()
	}, nil
}
