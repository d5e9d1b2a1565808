package reap

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/launch"
)

// This binary is front, reaper and agent of its tests.
func TestMain(m *testing.M) {
	dir := os.Getenv("CAPROCK_TEST_REAP")
	if dir == "" {
		os.Exit(m.Run())
	}
	switch MyRole() {
	case Front:
		status, err := RunFront()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		os.Exit(status.ExitStatus() & 0xff)
	case Reaper:
		if err := Serve(filepath.Join(dir, "notes")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
	case Agent:
		beAgent(dir)
	}
}

// beAgent starts a task that ends with status 7 when the file "go" is there, and itself ends with
// status 3 on SIGUSR1.
func beAgent(dir string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGUSR1)
	task := exec.Command("/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; exit 7")
	task.Dir = dir
	task.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := task.Start(); err != nil {
		fmt.Println("task:", err)
		os.Exit(98)
	}
	ticks, err := launch.StartTicks(task.Process.Pid)
	fmt.Println("task", task.Process.Pid, ticks, os.Getpid(), os.Getenv(roleVariable) == "", err)
	<-stop
	os.Exit(3)
}

// family is a front and what is below it.
type family struct {
	t           *testing.T
	dir         string
	front       *exec.Cmd
	out         *bufio.Reader
	task, agent int
	ticks       uint64
}

func startFamily(t *testing.T) *family {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &family{t: t, dir: t.TempDir(), front: exec.Command(self)}
	f.front.Env = append(os.Environ(), "CAPROCK_TEST_REAP="+f.dir)
	f.front.Stderr = os.Stderr
	pipe, err := f.front.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.front.Start(); err != nil {
		t.Fatal(err)
	}
	f.out = bufio.NewReader(pipe)
	line, err := f.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(line, "task %d %d %d true <nil>", &f.task, &f.ticks, &f.agent); err != nil {
		t.Fatalf("the agent says %q: %v", line, err)
	}
	t.Cleanup(func() { f.letGo(); f.noted() })
	return f
}

func (f *family) letGo() {
	if err := os.WriteFile(filepath.Join(f.dir, "go"), nil, 0o600); err != nil {
		f.t.Error(err)
	}
}

// eventually waits for what other processes do.
func (f *family) eventually(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// noted waits for the end of the reaper, and returns what it has left.
func (f *family) noted() *Notes {
	f.t.Helper()
	files := func() []string {
		names, _ := filepath.Glob(filepath.Join(f.dir, "notes", "*"))
		return names
	}
	f.eventually("the end of the reaper", func() bool {
		for _, name := range files() {
			if inUse(name) {
				return false
			}
		}
		return true
	})
	n, err := Open(filepath.Join(f.dir, "notes"))
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// A task that ends while no agent lives is noted, whatever killed the agent, and the note stays until
// it has taken effect.
func TestEndWithoutAnAgentIsNoted(t *testing.T) {
	for name, kill := range map[string]func(*family) int{
		"agent": func(f *family) int { return f.agent }, "front": func(f *family) int { return f.front.Process.Pid },
	} {
		t.Run(name+" killed", func(t *testing.T) {
			f := startFamily(t)
			if err := syscall.Kill(kill(f), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			// Nobody holds the agent's output, although its task lives.
			if rest, err := io.ReadAll(f.out); err != nil || len(rest) > 0 {
				t.Errorf("more output: %q, %v", rest, err)
			}
			if err := f.front.Wait(); err == nil {
				t.Error("the front ended well")
			}
			f.eventually("the end of the agent", func() bool { return syscall.Kill(f.agent, 0) != nil })
			early, err := Open(filepath.Join(f.dir, "notes"))
			if err != nil {
				t.Fatal(err)
			}
			if status, ok := early.Status(f.task, f.ticks); ok {
				t.Fatalf("the task has ended with %d before it was let go", status)
			}
			f.letGo()
			f.eventually("the note of the next agent", func() bool { _, ok := early.Status(f.task, f.ticks); return ok })
			for range 2 { // an agent that dies before it has used it, and the next
				n := f.noted()
				if status, ok := n.Status(f.task, f.ticks); !ok || status != 7<<8 {
					t.Errorf("the task ended with %d, %v; want 7", status, ok)
				}
				if _, ok := n.Status(f.task, f.ticks+1); ok {
					t.Error("another process of that pid has the status too")
				}
			}
			n := f.noted()
			if err := n.Settled(); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(filepath.Join(f.dir, "notes")); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
		})
	}
}

// Signals reach the agent, and its end is that of the front.
func TestFrontIsAsTheAgent(t *testing.T) {
	f := startFamily(t)
	if err := f.front.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(f.out); err != nil {
		t.Error(err)
	}
	if err := f.front.Wait(); err == nil || f.front.ProcessState.ExitCode() != 3 {
		t.Errorf("the front ended with %v, want the agent's 3", err)
	}
}

// Notes of before the machine was started last are of other processes.
func TestNotesOfAnotherBoot(t *testing.T) {
	dir := t.TempDir()
	for name, line := range map[string]string{"another-boot-1-2": "7 8 9\n", bootID() + "-1-2": "17 18 19\nbroken\n27 28"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := n.Status(7, 8); ok {
		t.Error("a process of another boot is known")
	}
	if status, ok := n.Status(17, 18); !ok || status != 19 {
		t.Errorf("got %d, %v, want 19", status, ok)
	}
	if _, ok := n.Status(27, 28); ok {
		t.Error("half a line counts")
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 1 || strings.HasPrefix(left[0].Name(), "another") {
		t.Errorf("left are %v", left)
	}
}
