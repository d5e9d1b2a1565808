package launch

import (
	"errors"
	"github.com/caprock/caprock/isolation/seccomp"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// await returns the exit status of p, or fails after ten seconds.
func await(t testing.TB, p *Process) ExitStatus {
	t.Helper()
	select {
	case s := <-p.Exited():
		return s
	case <-time.After(time.Minute):
		p.Signal(syscall.SIGKILL)
		t.Fatalf("process %d did not exit within a minute", p.Pid())
		return ExitStatus{}
	}
}

// output runs s to its end and returns what it printed.
func output(t testing.TB, s *Spec) (string, ExitStatus) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.Stdout, s.Stderr = w, w
	p, err := Start(s, Groups{})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), await(t, p)
}

func shell(script string) *Spec {
	return &Spec{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/bin:/usr/bin"}}
}

func TestExitStatusIsThatOfWait(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 1792, "kill -9 $$": 9, "kill -TERM $$": 15} {
		if _, got := output(t, shell(script)); got != (ExitStatus{want, true}) {
			t.Errorf("%q: got %+v, want wait status %d", script, got, want)
		}
	}
}

func TestExecFailureNamesTheStep(t *testing.T) {
	_, err := Start(&Spec{Path: "/no/such/program"}, Groups{})
	var e *Error
	if !errors.As(err, &e) || e.Errno != syscall.ENOENT || !strings.Contains(e.Step, "/no/such/program") {
		t.Fatalf("got %v, want ENOENT at the execute step", err)
	}
	_, err = Start(&Spec{Path: "/bin/true", Dir: "/no/such/dir"}, Groups{})
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "chdir") {
		t.Fatalf("got %v, want ENOENT at chdir", err)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(&Spec{Path: "/bin/true", Setsid: true}, Groups{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		await(b, p)
		b.StartTimer()
	}
}

func BenchmarkStartInNamespaces(b *testing.B) {
	for b.Loop() {
		p, err := Start(&Spec{Path: "/bin/true", Setsid: true, Seccomp: seccomp.Default(),
			Namespaces:   Namespaces{Mount: true, PID: true, IPC: true, UTS: true},
			Capabilities: &Capabilities{Bounding: DefaultCapabilities, Effective: DefaultCapabilities}}, Groups{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		await(b, p)
		b.StartTimer()
	}
}
