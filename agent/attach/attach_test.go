package attach

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/wire/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// plugged is a line whose process' end is in the test's hand.
type plugged struct {
	*Plug
	board *Switchboard
	line  *Line
	files string
}

func open(t *testing.T, io core.IO) *plugged {
	t.Helper()
	p := &plugged{board: New(Options{Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}), files: t.TempDir()}
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(p.files, name))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	var err error
	if p.Plug, err = p.board.Open("c", &io, -1, create("stdout"), create("stderr")); err != nil {
		t.Fatal(err)
	}
	p.line = p.board.Line("c")
	t.Cleanup(func() {
		p.Plug.Close()
		p.board.Close()
		p.line.readers.Wait()
	})
	return p
}

func (p *plugged) file(name string) string {
	b, _ := os.ReadFile(filepath.Join(p.files, name))
	return string(b)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// take reads until want came or the end; it returns what came and why it ended.
func take(t *testing.T, r *Listener, want string) (string, error) {
	t.Helper()
	var all bytes.Buffer
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		chunks, over, err := r.Take()
		for _, c := range chunks {
			if c.Error {
				all.WriteString("!")
			}
			all.Write(c.Data)
		}
		if over || want != "" && strings.Contains(all.String(), want) {
			return all.String(), err
		}
		select {
		case <-r.Ready():
		case <-deadline.C:
			t.Fatalf("got %d bytes and not %q", all.Len(), want)
		}
	}
}

func listen(t *testing.T, l *Line) *Listener {
	t.Helper()
	r, err := l.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func say(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestOutputGoesToFilesAndListeners(t *testing.T) {
	p := open(t, core.IO{Session: true})
	p.board.Start("c")
	say(t, p.Stdout, "out")
	if got := p.file("stdout"); got != "" {
		t.Errorf("%q was read before anybody listened to the session", got)
	}
	first := listen(t, p.line)
	if got, _ := take(t, first, "out"); got != "out" {
		t.Errorf("got %q", got)
	}
	second := listen(t, p.line)
	say(t, p.Stderr, "err")
	for _, r := range []*Listener{first, second} {
		if got, _ := take(t, r, "err"); got != "!err" {
			t.Errorf("got %q, want what came since, from stderr", got)
		}
	}
	say(t, p.Stdout, "last")
	p.Plug.Close()
	if got, err := take(t, first, ""); got != "last" || err != nil {
		t.Errorf("at the end: %q, %v", got, err)
	}
	<-p.line.Done()
	if p.board.Line("c") != nil {
		t.Error("the line is still there")
	}
	if p.file("stdout") != "outlast" || p.file("stderr") != "err" {
		t.Errorf("files %q, %q", p.file("stdout"), p.file("stderr"))
	}
	if got, err := take(t, listen(t, p.line), ""); got != "" || err != nil {
		t.Errorf("who listens to a line that is over: %q, %v", got, err)
	}
}

func TestSlowListenerIsCutAndTheProcessGoesOn(t *testing.T) {
	p := open(t, core.IO{Terminal: true})
	p.board.Start("c")
	slow := listen(t, p.line)
	const lines = maxQueued/64 + 1000
	for range lines {
		say(t, p.Stdout, strings.Repeat("x", 63)+"\n")
	}
	eventually(t, "all output to be in the file", func() bool { return len(p.file("stdout")) == lines*65 }) // CR is added
	if got, err := take(t, slow, ""); !errors.Is(err, ErrSlow) || got != "" {
		t.Errorf("the slow one got %d bytes and %v, want to be cut", len(got), err)
	}
	if m := p.board.Metrics(); m != (Metrics{Lines: 1, Cut: 1}) {
		t.Errorf("metrics %+v, want one line, one cut and nobody who listens", m)
	}
}

// The first who listens to a session holds its process; another is cut as ever.
func TestSessionWaitsForItsReader(t *testing.T) {
	p := open(t, core.IO{Session: true})
	p.board.Start("c")
	first, second := listen(t, p.line), listen(t, p.line)
	const size = 8 << 20
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, _ = p.Stdout.Write(make([]byte, size))
		p.Plug.Close()
	}()
	eventually(t, "the queue to be full", func() bool { first.mu.Lock(); defer first.mu.Unlock(); return first.bytes > maxQueued/2 })
	first.mu.Lock()
	queued := first.bytes
	first.mu.Unlock()
	if queued > maxQueued {
		t.Errorf("%d bytes wait, want at most %d", queued, maxQueued)
	}
	got, err := take(t, first, "")
	<-wrote
	if len(got) != size || err != nil {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, size)
	}
	if _, err := take(t, second, ""); !errors.Is(err, ErrSlow) {
		t.Errorf("the second: %v, want it cut", err)
	}
}

// A reader who leaves lets the process go on.
func TestLeavingSessionLetsGo(t *testing.T) {
	p := open(t, core.IO{Session: true})
	p.board.Start("c")
	first := listen(t, p.line)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, _ = p.Stdout.Write(make([]byte, 4<<20))
	}()
	eventually(t, "the queue to be full", func() bool { first.mu.Lock(); defer first.mu.Unlock(); return first.bytes > maxQueued/2 })
	first.Close()
	select {
	case <-wrote:
	case <-time.After(patience):
		t.Fatal("the process still waits for a reader who has left")
	}
}

func TestInput(t *testing.T) {
	p := open(t, core.IO{Session: true})
	p.board.Start("c")
	in, err := p.line.Input()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.line.Input(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second input: %v", err)
	}
	if err := in.Write([]byte("typed")); err != nil {
		t.Fatal(err)
	}
	if err := in.Write(nil); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(p.Stdin); string(b) != "typed" || err != nil {
		t.Errorf("the process read %q, %v", b, err)
	}
	if err := in.Write([]byte("more")); err == nil {
		t.Error("typing after the end of input worked")
	}
	if err := in.SetWindow(1, 1); err == nil {
		t.Error("a pipe has a window")
	}
	in.Close()
	if _, err := p.line.Input(); err != nil {
		t.Errorf("after the first has left: %v", err)
	}
}

// A terminal is handed to the process for the next agent, a session's is not.
func TestWhoKeepsATerminal(t *testing.T) {
	if p := open(t, core.IO{Terminal: true}); p.Keep == nil || !p.Terminal {
		t.Errorf("of a task: %+v", p.Plug)
	}
	if p := open(t, core.IO{Terminal: true, Session: true}); p.Keep != nil {
		t.Error("of a session: it is kept")
	}
}

func TestResume(t *testing.T) {
	p := open(t, core.IO{Terminal: true, Rows: 30, Columns: 90})
	proc, err := launch.Start(&launch.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "read x; stty size; echo got $x"}, Env: os.Environ(),
		Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr, Setsid: true, Terminal: true, Keep: p.Keep}, launch.Groups{})
	if err != nil {
		t.Fatal(err)
	}
	p.Plug.Close()
	p.board.Start("c")
	p.board.Close()
	next := New(Options{Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)})
	defer next.Close()
	stdout, err := os.OpenFile(filepath.Join(p.files, "stdout"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Resume("c", proc.Pid(), proc.StartTicks(), stdout); err != nil {
		t.Fatal(err)
	}
	line := next.Line("c")
	in, err := line.Input()
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Write([]byte("x\n")); err != nil {
		t.Fatal(err)
	}
	<-proc.Exited()
	<-line.Done()
	if got := p.file("stdout"); got != "x\r\n30 90\r\ngot x\r\n" {
		t.Errorf("stdout %q", got)
	}
	if err := next.Resume("d", proc.Pid(), proc.StartTicks(), nil); err == nil {
		t.Error("the terminal of a process that has ended was taken up")
	}
}

func TestTooManyListeners(t *testing.T) {
	p := open(t, core.IO{Terminal: true})
	for range maxListeners {
		listen(t, p.line)
	}
	if _, err := p.line.Listen(); !errors.Is(err, ErrCrowded) {
		t.Errorf("one more: %v", err)
	}
}

// The output of a session is not kept for ever for one who does not come.
func TestNobodyListensToASession(t *testing.T) {
	p := open(t, core.IO{Session: true})
	p.board.Start("c")
	p.Plug.Close()
	p.line.releaseAfter(time.Millisecond)
	select {
	case <-p.line.Done():
	case <-time.After(patience):
		t.Fatal("the line does not end")
	}
}

func TestClosedSwitchboard(t *testing.T) {
	s := New(Options{Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)})
	s.Close()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open("c", &core.IO{}, -1, f, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := f.WriteString("x"); err == nil {
		t.Error("the file that was handed over is still open")
	}
}
