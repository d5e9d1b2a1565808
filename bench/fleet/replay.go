package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/bench/trace"
	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
)

// Replay is what arrives, in the order of its time.
type Replay struct {
	Arrivals []Arrival
	next     int
	began    time.Time
}

// Arrival is a task that somebody wanted.
type Arrival struct {
	// At is the time since the run's begin, Sleep how long the task runs; 0 for ever.
	At, Sleep time.Duration
	// Group is the number of the group it arrives at.
	Group int
	world.Amount
}

// play makes tasks arrive until ctx ends; the next call goes on where this one ended.
func (r *Replay) play(ctx context.Context, parties []*party) {
	if r.began.IsZero() {
		r.began = time.Now()
	}
	for r.next < len(r.Arrivals) {
		a := &r.Arrivals[r.next]
		due := r.began.Add(a.At)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return
		}
		r.next++
		parties[a.Group].arrive(arrival{Amount: a.Amount, sleep: a.Sleep, since: due})
	}
}

// TraceOptions say how a trace is replayed.
type TraceOptions struct {
	// Name is FORMAT:DIR, as trace.Read has it.
	Name string
	trace.Options
	// Speed divides all times.
	Speed float64
	// Roles is how many groups of tasks get a role of their own, those with the most tasks;
	// the others share one. Frameworks of each.
	Roles, Frameworks int
	// Links of the fleet, as in a workload.
	Links int
}

// otherRole is where the smaller groups go.
const otherRole = "others"

// shortest is how long a task runs at least, whatever the speed.
const shortest = 10 * time.Millisecond

// FromTrace reads a trace and makes a workload of its machines and groups of tasks, and
// what arrives when.
func FromTrace(o TraceOptions) (*workload.Workload, *Replay, *trace.Stats, error) {
	t, err := trace.Read(o.Name, o.Options)
	if err != nil {
		return nil, nil, nil, err
	}
	w := &workload.Workload{Fleet: workload.Fleet{Links: o.Links}}
	for i, m := range t.Machines {
		w.Fleet.Machines = append(w.Fleet.Machines, workload.Machines{Name: fmt.Sprintf("m%d", i), Count: m.Count,
			Resources: fmt.Sprintf("cpus:%g;mem:%g;disk:1048576;ports:[31000-32000]", m.CPUs, m.MemMiB)})
	}
	group := assign(t, o.Roles)
	for n := range min(len(t.Groups), o.Roles+1) {
		name := otherRole
		for g := range t.Groups {
			if group[g] == n && n < o.Roles {
				name = roleName(t.Groups[g], n)
			}
		}
		w.Groups = append(w.Groups, workload.Group{Name: name, Kind: "batch", Count: o.Frameworks, Most: 1000})
	}
	w.Phases = []workload.Phase{{Name: "replay", Time: workload.Duration(float64(o.For) / o.Speed)}}
	w.Fill()
	r := &Replay{Arrivals: make([]Arrival, len(t.Tasks))}
	for i, task := range t.Tasks {
		r.Arrivals[i] = Arrival{At: time.Duration(float64(task.At) / o.Speed), Group: group[task.Group], Amount: task.Amount}
		if task.Runs > 0 {
			r.Arrivals[i].Sleep = max(shortest, time.Duration(float64(task.Runs)/o.Speed))
		}
	}
	return w, r, &t.Stats, w.Check()
}

// assign numbers the roles of a trace's groups: those with the most tasks first, and one
// more for the rest.
func assign(t *trace.Trace, roles int) map[int]int {
	counts := make([]int, len(t.Groups))
	for _, task := range t.Tasks {
		counts[task.Group]++
	}
	order := make([]int, len(t.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return counts[b] - counts[a] })
	group := map[int]int{}
	for rank, g := range order {
		group[g] = min(rank, roles)
	}
	return group
}

// roleName is a name that a role may have: users of traces have all kinds of letters.
func roleName(name string, n int) string {
	short := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return fmt.Sprintf("%d-%.20s", n+1, strings.Trim(short, "-"))
}
