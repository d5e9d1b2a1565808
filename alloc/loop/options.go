package loop

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/caprock/caprock/wire/clock"
)

// Options tune the loop. The zero value of a field means its default.
type Options struct {
	// InboxCommands and InboxBytes bound what waits to be decided, calls and
	// agents' frames each; defaults 16,384 commands and 64 MiB of bodies.
	InboxCommands int
	InboxBytes    int

	// BatchCommands bounds the commands of one batch; default 2,048. Larger
	// batches cost less each and keep their first command waiting longer.
	BatchCommands int
	// BatchBytes bounds the request bodies and frames of one batch; default
	// 256 KiB. It keeps batches of large calls short, so that one is decided while
	// the one before it is written, and another is released.
	BatchBytes int

	// HoldFor is how long records may wait for a batch to share when nothing is
	// answered or sent because of them; default 2 ms. Longer waits save writes of an allocator
	// with little to do, and delay what readers see.
	HoldFor time.Duration

	// ForgetOffers leaves offers out of the journal: a restart withdraws them
	// anyway, so it saves writes and loses the trace of what was on offer.
	ForgetOffers bool

	// Clock is where time is read; default the machine's.
	Clock clock.Clock

	// Logger is for what operators should know; default slog.Default().
	Logger *slog.Logger
}

// EnsureDefaults replaces zero fields by their defaults.
func (o *Options) EnsureDefaults() {
	if o.InboxCommands == 0 {
		o.InboxCommands = 16 << 10
	}
	if o.InboxBytes == 0 {
		o.InboxBytes = 64 << 20
	}
	if o.BatchCommands == 0 {
		o.BatchCommands = 2048
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 256 << 10
	}
	if o.HoldFor == 0 {
		o.HoldFor = 2 * time.Millisecond
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Validate reports every fault at once.
func (o *Options) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{
		{"InboxCommands", o.InboxCommands}, {"InboxBytes", o.InboxBytes},
		{"BatchCommands", o.BatchCommands}, {"BatchBytes", o.BatchBytes},
	} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("%s: got %d, want at least 1", f.name, f.value))
		}
	}
	if o.HoldFor < 0 {
		errs = append(errs, fmt.Errorf("HoldFor: got %v, want 0 or more", o.HoldFor))
	}
	return errors.Join(errs...)
}
