package attach

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/wire/clock"
)

// Options of a Switchboard.
type Options struct {
	Clock  clock.Clock
	Logger *slog.Logger
}

// Switchboard knows the lines of all processes that have one, by container.
type Switchboard struct {
	opts Options

	// cut counts listeners that did not keep up.
	cut atomic.Uint64

	mu     sync.Mutex
	lines  map[string]*Line // guarded by mu
	closed bool             // guarded by mu
}

// New returns a Switchboard without lines.
func New(opts Options) *Switchboard {
	return &Switchboard{opts: opts, lines: map[string]*Line{}}
}

// Metrics of a Switchboard.
type Metrics struct {
	// Lines and Listeners that there are.
	Lines, Listeners int
	// Cut counts the listeners that did not keep up.
	Cut uint64
}

// Metrics returns the present numbers.
func (s *Switchboard) Metrics() Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Metrics{Lines: len(s.lines), Cut: s.cut.Load()}
	for _, l := range s.lines {
		m.Listeners += l.count()
	}
	return m
}

// ErrClosed: the agent is stopping.
var ErrClosed = errors.New("agent is stopping")

// Plug is the process' end of a Line, for isolation.Spec.
type Plug struct {
	Stdin, Stdout, Stderr *os.File
	// Terminal: they are one. Keep is for the process to hold, nil for none.
	Terminal bool
	Keep     *os.File
}

// Close gives up the process' end here; the process has it by then.
func (p *Plug) Close() {
	for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
		// A terminal is closed once, with the other two it fails and need not work.
		_ = f.Close()
	}
}

// Open makes a line for container id. What the process prints is written to stdout
// and stderr, which belong to the line from now on, error or not. uid owns the
// terminal, the agent if it is negative. Start or Drop follows.
func (s *Switchboard) Open(id string, io *core.IO, uid int, stdout, stderr *os.File) (*Plug, error) {
	l := newLine(s, id, io, stdout, stderr)
	var plug *Plug
	var err error
	if io.Terminal {
		plug, err = l.openTerminal(io, uid)
	} else {
		plug, err = l.openPipes()
	}
	if err == nil {
		if err = s.add(l); err != nil {
			plug.Close()
		}
	}
	if err != nil {
		l.closeFiles()
		return nil, err
	}
	return plug, nil
}

func (l *Line) openTerminal(io *core.IO, uid int) (*Plug, error) {
	t, err := launch.OpenTerminal(io.Rows, io.Columns, uid)
	if err != nil {
		return nil, err
	}
	l.in, l.out, l.terminal = t.Master, t.Master, true
	p := &Plug{Stdin: t.Slave, Stdout: t.Slave, Stderr: t.Slave, Terminal: true}
	if !io.Session {
		p.Keep = t.Master
	}
	return p, nil
}

func (l *Line) openPipes() (*Plug, error) {
	p := &Plug{}
	var err error
	for _, pipe := range []struct{ read, write **os.File }{{&p.Stdin, &l.in}, {&l.out, &p.Stdout}, {&l.err, &p.Stderr}} {
		if *pipe.read, *pipe.write, err = os.Pipe(); err != nil {
			p.Close()
			return nil, fmt.Errorf("make pipes: %w", err)
		}
	}
	return p, nil
}

// Resume takes up the line of a process on a terminal that an earlier agent started.
func (s *Switchboard) Resume(id string, pid int, startTicks uint64, stdout *os.File) error {
	l := newLine(s, id, &core.IO{Terminal: true}, stdout, nil)
	master, err := launch.KeptTerminal(pid, startTicks)
	if err == nil {
		l.in, l.out, l.terminal = master, master, true
		err = s.add(l)
	}
	if err != nil {
		l.closeFiles()
		return err
	}
	l.start()
	return nil
}

func (s *Switchboard) add(l *Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.lines[l.id] != nil {
		return fmt.Errorf("container %s has a line already", l.id)
	}
	s.lines[l.id] = l
	return nil
}

// Line is that of container id, nil if it has none (any more).
func (s *Switchboard) Line(id string) *Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[id]
}

func (s *Switchboard) remove(l *Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines[l.id] == l {
		delete(s.lines, l.id)
	}
}

// Start begins to read what the process of container id prints.
func (s *Switchboard) Start(id string) {
	if l := s.Line(id); l != nil {
		l.start()
	}
}

// Drop ends the line of a process that never came to run.
func (s *Switchboard) Drop(id string) {
	if l := s.Line(id); l != nil {
		l.finish()
	}
}

// lastChance is how long the output of a session that has ended waits for the one
// who launched it.
const lastChance = 10 * time.Second

// Ended says that the process of container id has. What it printed is still read;
// the line ends by itself when nobody holds its other end.
func (s *Switchboard) Ended(id string) {
	if l := s.Line(id); l != nil && l.session {
		l.releaseAfter(lastChance)
	}
}

// Close ends every line here. Processes on terminals run on.
func (s *Switchboard) Close() {
	s.mu.Lock()
	s.closed = true
	lines := make([]*Line, 0, len(s.lines))
	for _, l := range s.lines {
		lines = append(lines, l)
	}
	s.mu.Unlock()
	for _, l := range lines {
		l.finish()
	}
}
