package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// Where BPF does not record how tasks end, a reaper does: one that ended while the agent was dead
// has its status.
func TestTaskEndsWhileItsAgentIsDeadWithoutBPF(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an allocator and agents")
	}
	alloc, err := world.StartAllocator(t.Context(), world.AllocatorOptions{Flags: []string{"--allocation-interval=20ms"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := alloc.Stop(); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		a := exec.Command(self, "agent", "--isolation=posix", "--allocator="+alloc.URL(), "--listen=127.0.0.1:0", "--work-dir="+filepath.Join(dir, "work"),
			"--logging-level=WARNING")
		a.Stderr = os.Stderr
		out, err := a.StdoutPipe()
		if err == nil {
			err = a.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening: ") {
			t.Fatalf("the agent says %q, %v", line, err)
		}
		return a
	}
	first := start()
	pid, goFile := filepath.Join(dir, "pid"), filepath.Join(dir, "go")
	ran := make(chan error, 1)
	go func() {
		_, err := caprock(t.Context(), "run", "--allocator="+alloc.URL(), "--user=root", "--", "sh", "-c",
			fmt.Sprintf("echo $$ > %s.new; mv %[1]s.new %[1]s; while [ ! -e %[2]s ]; do sleep 0.02; done; exit 7", pid, goFile))
		ran <- err
	}()
	eventually(t, "the task to run", func() bool { _, err := os.Stat(pid); return err == nil })
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // killed
	if err := os.WriteFile(goFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	task, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task to end", func() bool { _, err := os.Stat("/proc/" + strings.TrimSpace(string(task))); return err != nil })
	second := start()
	var status exitStatus
	if err := <-ran; !errors.As(err, &status) || status != 7 {
		t.Errorf("the task ended with %v, want 7", err)
	}
	if err := second.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the second agent: %v", err)
	}
}

// eventually waits for what other processes do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
