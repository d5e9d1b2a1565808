package history_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
)

// Random histories must come out the same from the reference and from the
// allocator with 1, 4 and 64 shards, one of which is restarted from snapshots on
// the way. Without the reference, agents are visited in random order.
//
// CAPROCK_HISTORIES is how many (400), CAPROCK_SEED the first seed (1).
func TestRandomHistories(t *testing.T) {
	count, seed := number(t, "CAPROCK_HISTORIES", 400), number(t, "CAPROCK_SEED", 1)
	t.Logf("%d histories from seed %d", count, seed)
	for i := range count {
		if text := playRandom(uint64(seed + i)); text != "" {
			t.Fatalf("seed %d: %s", seed+i, text)
		}
	}
}

// Histories of rules that the recorded ones do not reach (rules), and such that once
// showed a difference between the allocator and the reference (regressions).
func TestHistoriesOfOurs(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files (%v)", len(files), err)
	}
	for _, file := range files {
		h := open(t, file)
		if d := history.Replay(h, nil); d != nil {
			t.Errorf("%s: %v", file, d)
		}
		if d := history.ReplayWith(h, history.NewPlayerOf(h.Counts, h.Configure(nil), newReference)); d != nil {
			t.Errorf("%s, by the reference: %v", file, d)
		}
	}
}

func open(t *testing.T, file string) *history.History {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := history.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return h
}

func number(t *testing.T, name string, missing int) int {
	text := os.Getenv(name)
	if text == "" {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return n
}

// playRandom plays one history and describes the first difference.
func playRandom(seed uint64) (found string) {
	rng := rand.New(rand.NewPCG(seed, 0))
	withReference := seed%4 != 0
	configure := func(shards int) func(*cycle.Options) {
		return func(o *cycle.Options) {
			o.Shards, o.Seed, o.ShuffleOff = shards, seed, withReference
			if seed%3 == 0 {
				o.QuotaScope = cycle.Subtree
			}
			if seed%8 == 0 {
				o.RoleSorter, o.FrameworkSorter = cycle.Random, cycle.Random
			}
			if seed%16 == 4 {
				o.OfferShareLimit = 0.6
			}
		}
	}
	players := []*history.Player{
		history.NewPlayer(false, configure(1)), history.NewPlayer(false, configure(4)), history.NewPlayer(false, configure(64)),
	}
	names := []string{"1 shard", "4 shards, restarted", "64 shards"}
	if withReference {
		players = append(players, history.NewPlayerOf(false, configure(1), newReference))
		names = append(names, "reference")
	}
	g := newGenerator(rng, players[0])
	g.nested = seed%3 != 0
	var played []string
	defer func() {
		if r := recover(); r != nil {
			found = report(played, "panic: %v\n%s", r, debug.Stack())
		}
	}()
	for step := range 40 + rng.IntN(80) {
		var command string
		if step == 0 {
			command = g.options()
		} else if step == 1 && g.chance(30) {
			command = g.recover()
		} else {
			command = g.command()
		}
		played = append(played, command)
		want, err := players[0].Do(command)
		if err != nil {
			return report(played, "%v", err)
		}
		for i, p := range players[1:] {
			got, err := p.Do(command)
			if err != nil {
				return report(played, "%s: %v", names[i+1], err)
			}
			if !slices.Equal(want, got) {
				return report(played, "%s:\n  %s\n%s:\n  %s", names[0], strings.Join(want, "\n  "), names[i+1], strings.Join(got, "\n  "))
			}
		}
		if rng.IntN(6) == 0 {
			if err := players[1].Restart(1 << rng.IntN(6)); err != nil {
				return report(played, "restart: %v", err)
			}
		}
	}
	return ""
}

func report(played []string, format string, args ...any) string {
	return fmt.Sprintf(format, args...) + "\nafter\n" + strings.Join(played, "\n")
}
