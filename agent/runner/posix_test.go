package runner

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/caprock/caprock/isolation/launch"
)

// Without cgroups a container is known by a number; when that is another's, nothing is done to it.
func TestReusedPidIsNotSignalled(t *testing.T) {
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- other.Wait() }()
	defer func() {
		if err := other.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-over
	}()
	ticks, err := launch.StartTicks(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	k := newPosix(&KernelOptions{})
	p, err := k.Adopt("c", other.Process.Pid, ticks-1)
	if err != nil {
		t.Fatal(err)
	}
	if st := <-p.Exited(); st.Known {
		t.Errorf("the task before: got %v, want that its end is unknown", st)
	}
	if err := k.Signal("c", syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal: got %v, want that the process is gone", err)
	}
	if err := k.Destroy("c"); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
	select {
	case err := <-over:
		t.Fatalf("the other process ended with %v", err)
	default:
	}
}
