package alloc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/clock"
)

// whitelistInterval is how often the file is read again, as in Mesos.
const whitelistInterval = 5 * time.Second

// maxWhitelistBytes bounds the file: half a million names of usual length.
const maxWhitelistBytes = 32 << 20

// whitelist watches the file that names the hosts whose agents are offered: one
// name a line, blank lines and blanks around names aside. An empty file names
// none, so that nothing is offered. While the file cannot be read, what was read
// last holds; before it could be read for the first time every host is offered.
type whitelist struct {
	path   string // empty: there is none
	clock  clock.Clock
	logger *slog.Logger
	notify func(core.Command)

	hosts []string // as last told, sorted
	told  bool     // hosts holds

	size   atomic.Int64 // of hosts, -1 if every host is offered
	failed atomic.Uint64
}

// newWhitelist reads the flag's value: a path, as file:///path or as such, or "*"
// (or nothing) for every host.
func newWhitelist(value string, c clock.Clock, logger *slog.Logger) *whitelist {
	w := &whitelist{path: strings.TrimPrefix(value, "file://"), clock: c, logger: logger}
	if value == "*" {
		w.path = ""
	}
	w.size.Store(-1)
	return w
}

// look reads the file and tells the loop if it has changed.
func (w *whitelist) look() {
	if w.path == "" {
		return
	}
	hosts, err := readWhitelist(w.path)
	if err != nil {
		w.failed.Add(1)
		w.logger.Error("the white list cannot be read; what was read last holds", "error", err, "hosts", w.size.Load())
		return
	}
	if w.told && slices.Equal(hosts, w.hosts) {
		return
	}
	w.hosts, w.told = hosts, true
	w.size.Store(int64(len(hosts)))
	if len(hosts) == 0 {
		w.logger.Warn("the white list is empty: no offers are made", "path", w.path)
	} else {
		w.logger.Info("white list read", "path", w.path, "hosts", len(hosts))
	}
	w.notify(&core.SetWhitelist{Hosts: hosts})
}

// watch looks again and again until ctx ends.
func (w *whitelist) watch(ctx context.Context) {
	if w.path == "" {
		return
	}
	timer := w.clock.NewTimer(whitelistInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			w.look()
			timer.Reset(whitelistInterval)
		}
	}
}

// readWhitelist returns the sorted names of a file, not nil.
func readWhitelist(path string) (hosts []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("white list: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxWhitelistBytes+1))
	if err != nil {
		return nil, fmt.Errorf("white list %s: %w", path, err)
	}
	if len(text) > maxWhitelistBytes {
		return nil, fmt.Errorf("white list %s: got more than %d bytes, want at most that", path, maxWhitelistBytes)
	}
	hosts = []string{}
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSpace(line); name != "" {
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}
