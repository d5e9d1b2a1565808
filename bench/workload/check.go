package workload

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/resource"
)

// Bounds of a workload.
const (
	// MaxFrameworks is the most frameworks of a world.
	MaxFrameworks = 5000
	maxTime       = time.Hour
	maxPerSecond  = 100_000
)

// fault is something wrong at a place of the workload, such as "frameworks[1].cpus".
type fault struct{ at, text string }

// faults gathers them.
type faults []fault

func (f *faults) add(at, format string, args ...any) {
	*f = append(*f, fault{at, fmt.Sprintf(format, args...)})
}

// Fill completes the workload: defaults, and what kinds of frameworks say.
func (w *Workload) Fill() {
	orElse(&w.Seed, 1)
	if w.Fleet.Shape != "" || len(w.Fleet.Machines) == 0 {
		orElse(&w.Fleet.Shape, "plain")
		orElse(&w.Fleet.Agents, 1000)
	}
	if len(w.Phases) == 0 {
		w.Phases = defaultPhases()
	}
	agents := w.Fleet.Agents
	for _, m := range w.Fleet.Machines {
		agents += max(0, m.Count)
	}
	for i := range w.Groups {
		w.Groups[i].fill(agents)
	}
	for i := range w.Phases {
		if w.Phases[i].Load == nil {
			w.Phases[i].Load = new(1.0)
		}
	}
}

// Check says what is wrong with a filled workload, all of it.
func (w *Workload) Check() error {
	if fs := w.faults(); len(fs) > 0 {
		var lines []string
		for _, f := range fs {
			lines = append(lines, f.at+": "+f.text)
		}
		return fmt.Errorf("%s", strings.Join(lines, "\n"))
	}
	return nil
}

func (w *Workload) faults() (fs faults) {
	if w.Seed < 0 {
		fs.add("seed", "got %d, want 0 or more", w.Seed)
	}
	w.checkFleet(&fs)
	w.checkRoles(&fs)
	if len(w.Groups) == 0 {
		fs.add("frameworks", "got none, want at least one [[frameworks]]")
	}
	total := 0
	names := map[string]bool{}
	for i := range w.Groups {
		g := &w.Groups[i]
		w.checkGroup(&fs, fmt.Sprintf("frameworks[%d]", i), g)
		if names[g.Name] {
			fs.add(fmt.Sprintf("frameworks[%d].name", i), "%q is taken by another group, want a name for each", g.Name)
		}
		names[g.Name] = true
		total += max(0, g.Count)
	}
	if total > MaxFrameworks {
		fs.add("frameworks", "got %d in all, want at most %d", total, MaxFrameworks)
	}
	for i := range w.Phases {
		w.checkPhase(&fs, fmt.Sprintf("phases[%d]", i), &w.Phases[i], i)
	}
	return fs
}

func (w *Workload) checkFleet(fs *faults) {
	f := &w.Fleet
	if f.Links < 0 || f.Links > 1000 {
		fs.add("fleet.links", "got %d, want 0 to 1000", f.Links)
	}
	if f.Shape != "" {
		if len(f.Machines) > 0 {
			fs.add("fleet.shape", "got %q and [[fleet.machines]], want one of them", f.Shape)
		}
		if !slices.Contains(world.ShapeNames(), f.Shape) {
			fs.add("fleet.shape", "got %q, want %s", f.Shape, strings.Join(world.ShapeNames(), ", "))
		}
		if f.Agents < 1 || f.Agents > world.MaxAgents {
			fs.add("fleet.agents", "got %d, want 1 to %d", f.Agents, world.MaxAgents)
		}
		return
	}
	if f.Agents != 0 {
		fs.add("fleet.agents", "got %d beside [[fleet.machines]], want the counts of those alone", f.Agents)
	}
	total := 0
	for i, m := range f.Machines {
		m.Count = max(1, min(m.Count, world.MaxAgents))
		if m.Count != f.Machines[i].Count {
			fs.add(fmt.Sprintf("fleet.machines[%d].count", i), "got %d, want 1 to %d", f.Machines[i].Count, world.MaxAgents)
		}
		total += m.Count
		m.Count = 1
		if _, err := world.NewShape([]world.Machines{world.Machines(m)}, 1); err != nil {
			_, text, _ := strings.Cut(err.Error(), ": ")
			fs.add(fmt.Sprintf("fleet.machines[%d]", i), "%s", text)
		}
	}
	if total > world.MaxAgents {
		fs.add("fleet.machines", "got %d in all, want at most %d", total, world.MaxAgents)
	}
}

func (w *Workload) checkRoles(fs *faults) {
	names := map[string]bool{}
	for i, r := range w.Roles {
		at := fmt.Sprintf("roles[%d]", i)
		if r.Name == "" || names[r.Name] {
			fs.add(at+".name", "got %q, want a name that no other role of the file has", r.Name)
		}
		names[r.Name] = true
		if r.Weight < 0 || r.Weight > 1e6 || math.IsNaN(r.Weight) {
			fs.add(at+".weight", "got %v, want more than 0 and at most 1e6", r.Weight)
		}
		for field, text := range map[string]string{".guarantee": r.Guarantee, ".limit": r.Limit} {
			if _, err := resource.ParseQuantities(text); text != "" && err != nil {
				fs.add(at+field, "%v, want such as \"cpus:100;mem:4096\"", err)
			}
		}
	}
}

// within adds a fault unless the number is from low to high.
func (f *faults) within(at string, got, low, high float64) {
	if !(got >= low && got <= high) {
		f.add(at, "got %v, want %v to %v", got, low, high)
	}
}

func (w *Workload) checkGroup(fs *faults, at string, g *Group) {
	if !slices.Contains(KindNames(), g.Kind) {
		fs.add(at+".kind", "got %q, want %s", g.Kind, strings.Join(KindNames(), ", "))
		return
	}
	fs.within(at+".count", float64(g.Count), 1, MaxFrameworks)
	// The share of a role is counted in these two, and the smallest amount is Mesos' own.
	fs.within(at+".cpus", g.CPUs, .001, 1e6)
	fs.within(at+".mem_mib", g.MemMiB, .001, 1e9)
	fs.within(at+".gpus", g.GPUs, 0, 1e6)
	if g.GPUs != math.Trunc(g.GPUs) {
		fs.add(at+".gpus", "got %v, want a whole number", g.GPUs)
	}
	if !g.Endless {
		if t := time.Duration(g.TaskTime); t < 10*time.Millisecond || t > 24*time.Hour {
			fs.add(at+".task_time", "got %v, want 10ms to 24h", t)
		}
		fs.within(at+".spread", *g.Spread, 0, .99)
	} else if g.TaskTime != 0 {
		fs.add(at+".task_time", "got %v for tasks that are endless, want one of them", time.Duration(g.TaskTime))
	}
	fs.within(at+".per_second", g.PerSecond, 0, maxPerSecond)
	fs.within(at+".tasks", float64(g.Tasks), 0, 10_000_000)
	fs.within(at+".most", float64(g.Most), 1, 1000)
	fs.within(at+".takes", *g.Takes, 0, 1)
	if d := time.Duration(g.Delay); d < 0 || d > time.Minute {
		fs.add(at+".delay", "got %v, want 0 to 1m", d)
	}
	for i, p := range g.Phases {
		if !slices.ContainsFunc(w.Phases, func(x Phase) bool { return x.Name == p }) {
			fs.add(fmt.Sprintf("%s.phases", at), "got %q at position %d, want the name of one of [[phases]]", p, i+1)
		}
	}
}

func (w *Workload) checkPhase(fs *faults, at string, p *Phase, n int) {
	if p.Name == "" || slices.ContainsFunc(w.Phases[:n], func(x Phase) bool { return x.Name == p.Name }) {
		fs.add(at+".name", "got %q, want a name that no phase before it has", p.Name)
	}
	if t := time.Duration(p.Time); t <= 0 || t > maxTime {
		fs.add(at+".time", "got %v, want more than 0 and at most %v", t, maxTime)
	}
	fs.within(at+".load", *p.Load, 0, 1000)
	fs.within(at+".vanish", p.Vanish, 0, 1)
	fs.within(at+".maintenance", p.Maintenance, 0, 1)
}
