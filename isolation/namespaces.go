package isolation

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/launch"
)

// InSpace makes s start in the namespaces of a process, as far as they are not ours and
// s has none of its own: what runs beside a task sees what the task sees. Mounts of its
// own are a copy. The caller calls done after the start.
func InSpace(pid int, s *Spec) (done func(), err error) {
	var opened []*os.File
	closeAll := func() {
		for _, f := range opened {
			f.Close()
		}
	}
	defer func() {
		if err != nil { // done is nil then
			closeAll()
		}
	}()
	own := map[string]bool{"pid": s.Namespaces.PID, "ipc": s.Namespaces.IPC, "uts": s.Namespaces.UTS, "net": s.Namespaces.Net, "cgroup": s.Namespaces.Cgroup}
	// The mounts come last: what is opened by path before is found where it was.
	for _, kind := range []string{"pid", "ipc", "uts", "net", "cgroup", "mnt"} {
		if own[kind] {
			continue
		}
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			return nil, fmt.Errorf("isolation: namespaces of process %d: %w", pid, err)
		}
		opened = append(opened, f)
		same, err := isOurs(f, kind)
		switch {
		case err != nil:
			return nil, fmt.Errorf("isolation: namespaces of process %d: %w", pid, err)
		case same:
		case kind == "pid":
			s.JoinPID = f
		default:
			s.Join = append(s.Join, f)
		}
	}
	return closeAll, nil
}

func isOurs(f *os.File, kind string) (bool, error) {
	var theirs, ours unix.Stat_t
	err := errors.Join(unix.Fstat(int(f.Fd()), &theirs), unix.Stat("/proc/self/ns/"+kind, &ours))
	return theirs.Ino == ours.Ino, err
}

// startInit gives s a namespace of processes with an init of its own, if it asks for
// one; see launch.StartInit. finish says whether s was started: init goes otherwise.
func startInit(s *Spec, g launch.Groups) (finish func(started bool), err error) {
	if !s.Namespaces.PID {
		return func(bool) {}, nil
	}
	init, ns, err := launch.StartInit(g)
	if err != nil {
		return nil, err
	}
	s.Namespaces.PID, s.JoinPID = false, ns
	return func(started bool) {
		ns.Close()
		if !started {
			// It may have ended with its group.
			_ = init.Signal(unix.SIGKILL)
		}
	}, nil
}
