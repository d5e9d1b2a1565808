package isolation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/caprock/caprock/isolation"
)

// bench is one run.
type bench struct {
	ctx  context.Context
	opts Options
	show func(string)
	root string
	pins string
	rows []Row
}

// Run measures everything; show is told what is going on.
func Run(ctx context.Context, o Options, show func(string)) (rows []Row, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("got a user who is not root, want root: cgroups and BPF are measured")
	}
	dir, err := os.MkdirTemp("", "caprock-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, opts: o, show: show, root: fmt.Sprintf("caprock-bench-%d", os.Getpid()), pins: filepath.Join(dir, "bpf")}
	defer func() { err = errors.Join(err, b.remove()) }()
	for _, n := range o.Groups {
		if err := b.readings(n); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{b.launches, b.programs, b.agreement} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.rows, nil
}

func (b *bench) add(what string, value float64, unit, note string, args ...any) {
	b.rows = append(b.rows, Row{What: what, Value: value, Unit: unit, Note: fmt.Sprintf(note, args...)})
}

// draw says that the row added last is a bar of a plot.
func (b *bench) draw(plot, bar string) {
	r := &b.rows[len(b.rows)-1]
	r.plot, r.bar = plot, bar
}

// open opens the host, with BPF or from files only.
func (b *bench) open(withBPF bool) (*isolation.Host, error) {
	o := isolation.Options{Root: b.root, MaxGroups: 8192, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if withBPF {
		o.BPFPinDir = b.pins
	}
	h, err := isolation.Open(o)
	if err == nil && withBPF && h.Source() != isolation.SourceBPF {
		h.Close()
		return nil, errors.New("this host accounts nothing by BPF; `caprock agent` says at start why")
	}
	return h, err
}

// remove leaves nothing behind, whatever happened.
func (b *bench) remove() error {
	h, err := b.open(true)
	if err != nil {
		if h, err = b.open(false); err != nil {
			return err
		}
	}
	return h.Remove()
}

// rounds runs fn for about half a second and returns the CPU time that one took.
func rounds(fn func()) (perRound time.Duration, n int) {
	fn()
	began, used := time.Now(), cpuTime()
	for time.Since(began) < 500*time.Millisecond || n < 3 {
		fn()
		n++
	}
	return (cpuTime() - used) / time.Duration(n), n
}
