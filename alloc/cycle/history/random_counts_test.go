package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
)

// Random histories of many equal agents, whose commands are about all offers of a
// framework at once, must come out the same from the reference and from the allocator,
// however many shards it has.
//
// CAPROCK_COUNTS is how many histories (40), CAPROCK_SEED the first seed (1).
func TestRandomHistoriesOfManyAgents(t *testing.T) {
	count, seed := number(t, "CAPROCK_COUNTS", 40), number(t, "CAPROCK_SEED", 1)
	t.Logf("%d histories from seed %d", count, seed)
	for i := range count {
		if text := playCounts(uint64(seed + i)); text != "" {
			t.Fatalf("seed %d: %s", seed+i, text)
		}
	}
}

func playCounts(seed uint64) string {
	configure := func(shards int) func(*cycle.Options) {
		return func(o *cycle.Options) {
			o.Shards, o.Seed, o.ShuffleOff = shards, seed, true
			if seed%2 == 0 {
				o.QuotaScope = cycle.Subtree
			}
		}
	}
	players := []*history.Player{
		history.NewPlayer(true, configure(1)), history.NewPlayer(true, configure(4)),
		history.NewPlayer(true, configure(64)), history.NewPlayerOf(true, configure(1), newReference),
	}
	names := []string{"1 shard", "4 shards, restarted", "64 shards", "reference"}
	g := &crowd{rng: rand.New(rand.NewPCG(seed, 3)), agents: map[string]bool{}}
	var played []string
	for step := range 30 + g.rng.IntN(40) {
		command := g.command(step)
		played = append(played, command)
		want, err := players[0].Do(command)
		if err != nil {
			return report(played, "%v", err)
		}
		for i, p := range players[1:] {
			got, err := p.Do(command)
			if err != nil || !slices.Equal(want, got) {
				return report(played, "%s:\n  %s\n%s (%v):\n  %s", names[0], strings.Join(want, "\n  "), names[i+1], err, strings.Join(got, "\n  "))
			}
		}
		if g.rng.IntN(6) == 0 {
			if err := players[1].Restart(1 << g.rng.IntN(6)); err != nil {
				return report(played, "restart: %v", err)
			}
		}
	}
	return ""
}

// crowd makes up commands for a cluster of equal agents.
type crowd struct {
	rng    *rand.Rand
	agents map[string]bool
	added  int
}

var crowdRoles = []string{"a", "b", "a/x", "a/y", "b", "*"}

func (g *crowd) pick(from ...string) string { return from[g.rng.IntN(len(from))] }

func (g *crowd) framework() string { return fmt.Sprintf("f%d", 1+g.rng.IntN(len(crowdRoles))) }

// command begins with options, frameworks and agents.
func (g *crowd) command(step int) string {
	switch {
	case step == 0:
		return "options" + g.pick("", " min=none", " exclude=mem", " interval=3")
	case step <= len(crowdRoles):
		return fmt.Sprintf("framework f%d roles=%s caps=MULTI_ROLE,RESERVATION_REFINEMENT%s", step, crowdRoles[step-1], g.pick("", ",GPU_RESOURCES"))
	case len(g.agents) < 20 || len(g.agents) < 60 && g.rng.IntN(3) == 0:
		g.added++
		id := fmt.Sprintf("a%d", g.added)
		g.agents[id] = true
		return fmt.Sprintf("agent %s res=%s", id, g.pick("cpus:4;mem:512;disk:100", "cpus:4;mem:512;disk:100", "cpus:2;mem:1024;ports:[31000-31009]",
			"cpus(s:a):2;cpus:2;mem:256", "cpus:8;mem:512;gpus:1"))
	}
	switch g.rng.IntN(12) {
	case 0, 1, 2:
		return fmt.Sprintf("declineall %s filter=%s%s", g.framework(), g.pick("0", "1", "3", "60", "-"), g.pick("", "", " max=7"))
	case 3, 4, 5:
		return fmt.Sprintf("acceptall %s max=%d each=%s filter=%s", g.framework(), 1+g.rng.IntN(20), g.pick("cpus:1;mem:32", "cpus:0.5;mem:100", "mem:64"), g.pick("0", "2", "60"))
	case 6:
		return fmt.Sprintf("finishall %s%s", g.framework(), g.pick("", " max=3"))
	case 7:
		return "quota " + g.pick("a", "b") + g.pick(" limit=cpus:20;mem:4000", " guarantee=cpus:30;mem:2000", " guarantee=cpus:10 limit=cpus:40", " limit=disk:300", "")
	case 8:
		return "weights " + g.pick("a:2", "b:3", "a/x:2", "a:1", "b:0.5")
	case 9:
		return g.pick("suppress ", "revive ", "revive ") + g.framework()
	case 10:
		id := g.pick(keys(g.agents)...)
		if g.rng.IntN(2) == 0 {
			delete(g.agents, id)
			return "removeagent " + id
		}
		return g.pick("deactivateagent ", "activateagent ") + id
	default:
		return "tick " + g.pick("1", "2", "4")
	}
}
