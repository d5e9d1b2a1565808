package alloc

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/clock"
)

// listed is a white list over a file, with what it told the loop.
type listed struct {
	*whitelist
	t    *testing.T
	sim  *clock.Sim
	told chan []string
}

func newListed(t *testing.T) *listed {
	sim := clock.NewSim(time.Unix(0, 0))
	path := filepath.Join(t.TempDir(), "hosts")
	l := &listed{newWhitelist("file://"+path, sim, slog.New(slog.DiscardHandler)), t, sim, make(chan []string, 10)}
	l.notify = func(cmd core.Command) { l.told <- cmd.(*core.SetWhitelist).Hosts }
	return l
}

func (l *listed) write(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// wants says what the loop must have been told since; nothing if it is not given.
func (l *listed) wants(when string, lists ...[]string) {
	l.t.Helper()
	for _, want := range lists {
		select {
		case got := <-l.told:
			if !reflect.DeepEqual(got, want) {
				l.t.Errorf("%s: told %q, want %q", when, got, want)
			}
		default:
			l.t.Errorf("%s: told nothing, want %q", when, want)
		}
	}
	if len(l.told) > 0 {
		l.t.Errorf("%s: told %q too", when, <-l.told)
	}
}

// The rules of the file: one name a line; missing at first is no list, empty lists
// nobody, unreadable later changes nothing, and only changes are told.
func TestWhitelistFile(t *testing.T) {
	l := newListed(t)
	l.look()
	l.wants("without a file")
	if l.size.Load() != -1 || l.failed.Load() != 1 {
		t.Errorf("without a file: %d hosts, %d errors, want -1 and 1", l.size.Load(), l.failed.Load())
	}
	l.write("")
	l.look()
	l.wants("with an empty file", []string{})
	l.write("h2\n\n h1 \r\nh2\n")
	l.look()
	l.look()
	l.wants("with names", []string{"h1", "h2"})
	l.write("h1\nh2") // the same set
	l.look()
	l.wants("in another order")
	if err := os.Remove(l.path); err != nil {
		t.Fatal(err)
	}
	l.look()
	l.wants("after the file is gone")
	if l.size.Load() != 2 || l.failed.Load() != 2 {
		t.Errorf("after the file is gone: %d hosts, %d errors, want 2 and 2", l.size.Load(), l.failed.Load())
	}
	l.write(strings.Repeat("x\n", maxWhitelistBytes/2+1))
	l.look()
	l.wants("with too long a file")
}

// A path is read again every five seconds; "*" is not read at all.
func TestWhitelistIsReadAgain(t *testing.T) {
	l := newListed(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { l.watch(ctx); close(ended) }()
	for _, name := range []string{"h1", "h2"} {
		l.write(name)
		for _, ok := l.sim.Next(); !ok; _, ok = l.sim.Next() {
			select { // the timer is not set yet
			case <-ended:
				t.Fatal("the watch ended")
			default:
			}
		}
		l.sim.Advance(whitelistInterval)
		if got := <-l.told; !reflect.DeepEqual(got, []string{name}) {
			t.Errorf("told %q, want %q", got, name)
		}
	}
	cancel()
	<-ended

	all := newWhitelist("*", l.sim, slog.New(slog.DiscardHandler))
	all.look()
	all.watch(context.Background()) // returns at once
	if all.failed.Load() != 0 || all.size.Load() != -1 {
		t.Errorf("for *: %d hosts, %d errors, want -1 and 0", all.size.Load(), all.failed.Load())
	}
}
