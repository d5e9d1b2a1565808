package attach

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation/launch"
)

// Line connects one process.
type Line struct {
	board    *Switchboard
	id       string
	terminal bool
	session  bool
	// in is written to, out and err are read from; a terminal is in and out.
	in, out, err *os.File
	// stdout and stderr are the files of the sandbox.
	stdout, stderr *os.File

	readers  sync.WaitGroup
	starting sync.Once
	ending   sync.Once
	// released is closed when reading may begin; done when the line is over.
	released    chan struct{}
	releaseOnce sync.Once
	done        chan struct{}
	// logged: a failed write to the sandbox was told.
	logged atomic.Bool

	mu        sync.Mutex
	listeners []*Listener // guarded by mu
	over      bool        // guarded by mu
	busy      bool        // an Input is open; guarded by mu
}

func newLine(s *Switchboard, id string, io *core.IO, stdout, stderr *os.File) *Line {
	l := &Line{
		board: s, id: id, session: io.Session, stdout: stdout, stderr: stderr,
		released: make(chan struct{}), done: make(chan struct{}),
	}
	if !io.Session {
		l.release()
	}
	return l
}

// Terminal reports whether the process is on a terminal.
func (l *Line) Terminal() bool { return l.terminal }

// Done is closed when the line is over: nobody holds the process' end any more.
func (l *Line) Done() <-chan struct{} { return l.done }

func (l *Line) release() { l.releaseOnce.Do(func() { close(l.released) }) }

func (l *Line) releaseAfter(d time.Duration) {
	timer := l.board.opts.Clock.NewTimer(d)
	go func() {
		defer timer.Stop()
		select {
		case <-timer.C():
			l.release()
		case <-l.released:
		case <-l.done:
		}
	}()
}

func (l *Line) start() {
	l.starting.Do(func() {
		l.readers.Go(func() { l.read(l.out, l.stdout, false) })
		if l.err != nil {
			l.readers.Go(func() { l.read(l.err, l.stderr, true) })
		}
		go func() {
			l.readers.Wait()
			l.finish()
		}()
	})
}

// readSize is how much is read at a time: as much as a terminal holds.
const readSize = 4 << 10

// read carries one output on until it ends: a terminal with EIO, when the last
// process on it is gone.
func (l *Line) read(from, file *os.File, isError bool) {
	select {
	case <-l.released:
	case <-l.done:
		return
	}
	buf := make([]byte, readSize)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			l.write(file, buf[:n])
			l.deliver(buf[:n], isError)
		}
		if err != nil {
			return
		}
	}
}

func (l *Line) write(file *os.File, b []byte) {
	if file == nil {
		return
	}
	if _, err := file.Write(b); err != nil && !l.logged.Swap(true) {
		l.board.opts.Logger.Warn("output of a container cannot be kept in its sandbox", "container", l.id, "err", err)
	}
}

// deliver gives a copy to everybody who listens.
func (l *Line) deliver(b []byte, isError bool) {
	l.mu.Lock()
	listeners := slices.Clone(l.listeners)
	l.mu.Unlock()
	if len(listeners) == 0 {
		return
	}
	chunk := Chunk{Error: isError, Data: slices.Clone(b)}
	for _, r := range listeners {
		r.push(chunk)
	}
}

// finish ends the line: listeners get what waits for them and then the end.
func (l *Line) finish() {
	l.ending.Do(func() {
		l.board.remove(l)
		l.mu.Lock()
		l.over = true
		listeners := l.listeners
		l.listeners = nil
		l.mu.Unlock()
		close(l.done)
		for _, r := range listeners {
			r.end(nil)
		}
		l.closeFiles()
	})
}

func (l *Line) closeFiles() {
	for _, f := range []*os.File{l.in, l.out, l.err, l.stdout, l.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// ErrBusy: another Input is open.
var ErrBusy = errors.New("somebody else types already")

// Input is how one at a time types to the process.
type Input struct{ line *Line }

// Input opens the input; ErrBusy if it is.
func (l *Line) Input() (*Input, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		return nil, ErrBusy
	}
	l.busy = true
	return &Input{l}, nil
}

// Write gives b to the process and waits until it has room for it. An empty b ends
// the input of a pipe; for a terminal it means nothing, as programs there know the
// end of input from a character.
func (i *Input) Write(b []byte) error {
	if len(b) == 0 {
		if i.line.terminal {
			return nil
		}
		return i.line.in.Close()
	}
	_, err := i.line.in.Write(b)
	return err
}

// SetWindow changes the size of the process' terminal.
func (i *Input) SetWindow(rows, columns uint32) error {
	return launch.SetWindow(i.line.in, rows, columns)
}

// Close lets another Input be opened.
func (i *Input) Close() {
	i.line.mu.Lock()
	defer i.line.mu.Unlock()
	i.line.busy = false
}
