package workload

import (
	"strings"
	"time"
)

// Kinds of frameworks, and what they stand for. Demands differ as in the DRF paper: some need
// mostly CPU, some mostly memory, of agents with 4 GiB for each CPU.
var kinds = []struct {
	name, what string
	group      Group
	// perAgent bounds the tasks that run, for each agent of the fleet; 0: no bound.
	perAgent float64
}{
	{"service", "holds what it has: two endless tasks for each agent, then no more", Group{CPUs: 1, MemMiB: 8192, Endless: true, Most: 2}, 2},
	{"batch", "short tasks that need mostly CPU, as many as it gets", Group{CPUs: 2, MemMiB: 2048, Most: 8}, 0},
	{"memory", "short tasks that need mostly memory", Group{CPUs: 1, MemMiB: 16384, Most: 8}, 0},
	{"greedy", "takes offers whole", Group{CPUs: 4, MemMiB: 8192, Most: 1000}, 0},
	{"picky", "takes only a quarter of the agents", Group{CPUs: 2, MemMiB: 4096, Most: 8, Takes: new(0.25)}, 0},
	{"slow", "answers after a second", Group{CPUs: 2, MemMiB: 4096, Most: 8, Delay: Duration(time.Second)}, 0},
	{"declining", "declines everything", Group{CPUs: 1, MemMiB: 1024, Most: 1, Takes: new(0.0)}, 0},
}

// defaultTaskTime and defaultSpread are those of tasks that end.
const (
	defaultTaskTime = Duration(30 * time.Second)
	defaultSpread   = .5
)

// KindNames are the kinds of frameworks.
func KindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// KindsHelp lists the kinds for a command's help.
func KindsHelp() string {
	var lines []string
	for _, k := range kinds {
		lines = append(lines, "  "+k.name+strings.Repeat(" ", 12-len(k.name))+k.what)
	}
	return strings.Join(lines, "\n")
}

func orElse[T comparable](v *T, other T) {
	var zero T
	if *v == zero {
		*v = other
	}
}

// fill fills in what a group's kind says.
func (g *Group) fill(agents int) {
	for _, k := range kinds {
		if k.name != g.Kind {
			continue
		}
		if g.CPUs == 0 && g.MemMiB == 0 && g.GPUs == 0 {
			g.CPUs, g.MemMiB = k.group.CPUs, k.group.MemMiB
		}
		orElse(&g.Most, k.group.Most)
		orElse(&g.Delay, k.group.Delay)
		orElse(&g.Takes, k.group.Takes)
		if g.TaskTime == 0 && g.PerSecond == 0 {
			orElse(&g.Endless, k.group.Endless)
		}
		if g.PerSecond == 0 {
			orElse(&g.Tasks, int64(k.perAgent*float64(agents)))
		}
	}
	orElse(&g.Name, g.Kind)
	orElse(&g.Role, g.Name)
	orElse(&g.Count, 1)
	if g.Takes == nil {
		g.Takes = new(1.0)
	}
	if !g.Endless {
		orElse(&g.TaskTime, defaultTaskTime)
		if g.Spread == nil {
			g.Spread = new(defaultSpread)
		}
	}
}

// defaultPhases are those of a workload that names none.
func defaultPhases() []Phase {
	return []Phase{
		{Name: "warm-up", Time: Duration(time.Minute), Uncounted: true},
		{Name: "steady", Time: Duration(time.Minute)},
	}
}
