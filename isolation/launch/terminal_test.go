package launch

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// onTerminal starts script on a terminal of 30 rows and 90 columns.
func onTerminal(t *testing.T, script string, keep bool) (*Process, *os.File) {
	t.Helper()
	term, err := OpenTerminal(30, 90, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { term.Master.Close() })
	s := shell(script)
	s.Stdin, s.Stdout, s.Stderr = term.Slave, term.Slave, term.Slave
	s.Setsid, s.Terminal = true, true
	if keep {
		s.Keep = term.Master
	}
	p, err := Start(s, Groups{})
	term.Slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := term.Master.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return p, term.Master
}

func TestTerminal(t *testing.T) {
	p, master := onTerminal(t, `tty >/dev/tty && stty size; trap 'stty size; exit 5' WINCH; read x; echo got $x; while :; do sleep 0.05; done`, false)
	r := bufio.NewReader(master)
	expect := func(want string) {
		t.Helper()
		line, err := r.ReadString('\n')
		if err != nil || strings.TrimRight(line, "\r\n") != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "/dev/pts/") {
		t.Fatalf("got %q, %v, want the name of a terminal", line, err)
	}
	expect("30 90")
	if _, err := master.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	expect("typed") // the terminal's echo
	expect("got typed")
	if err := SetWindow(master, 40, 100); err != nil {
		t.Fatal(err)
	}
	expect("40 100")
	if got := await(t, p); got != (ExitStatus{5 << 8, true}) {
		t.Errorf("got %v, want exit status 5", got)
	}
	if _, err := r.ReadByte(); err == nil {
		t.Error("the terminal goes on after its programs have ended")
	}
}

// A control character that the terminal knows reaches the program as a signal:
// so it is the terminal of its session.
func TestInterruptCharacter(t *testing.T) {
	p, master := onTerminal(t, "trap 'exit 3' INT; echo ready; while :; do sleep 0.05; done", false)
	if _, err := bufio.NewReader(master).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if got := await(t, p); got != (ExitStatus{3 << 8, true}) {
		t.Errorf("got %v, want the exit status of the trap", got)
	}
}

// A process outlives the agent that held its terminal, and the next one gets it.
func TestKeptTerminal(t *testing.T) {
	p, master := onTerminal(t, `read x; echo got $x`, true)
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := KeptTerminal(p.Pid(), p.StartTicks())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.WriteString("later\n"); err != nil {
		t.Fatal(err)
	}
	if err := again.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(again) // ends with EIO, as terminals do
	if string(text) != "later\r\ngot later\r\n" {
		t.Errorf("got %q", text)
	}
	if got := await(t, p); got.WaitStatus != 0 {
		t.Errorf("got %v", got)
	}
	if _, err := KeptTerminal(os.Getpid(), 1); err == nil {
		t.Error("the terminal of a process that started at another time was found")
	}
}

// Nothing but the kept descriptor is passed on.
func TestKeptDescriptorIsTheOnlyOne(t *testing.T) {
	s := shell("ls /proc/self/fd | tr '\\n' ' '")
	term, err := OpenTerminal(0, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer term.Master.Close()
	defer term.Slave.Close()
	s.Keep = term.Master
	if text, _ := output(t, s); text != "0 1 199 2 3 " {
		t.Errorf("descriptors %q, want 0 1 2 and 199 (3 is the directory)", text)
	}
}
