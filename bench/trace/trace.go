package trace

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// Options say which part of a trace to read.
type Options struct {
	// Part of the machines and jobs to keep, above 0 and at most 1: the same jobs and
	// machines each time.
	Part float64
	// From and For are the stretch of the trace; tasks that run at its begin are wanted then.
	From, For time.Duration
	// Largest is what the largest machine has: traces tell sizes as parts of it.
	Largest world.Amount
	// MaxTasks bounds the tasks that are kept; default a million.
	MaxTasks int
	// MaxBad bounds the lines of a file that make no sense; default 1,000.
	MaxBad int
}

func (o *Options) ensureDefaults() {
	if o.MaxTasks == 0 {
		o.MaxTasks = 1_000_000
	}
	if o.MaxBad == 0 {
		o.MaxBad = 1000
	}
	if o.Largest == (world.Amount{}) {
		o.Largest = world.Amount{CPUs: 64, MemMiB: 262144}
	}
}

// Validate names every option that cannot be.
func (o *Options) Validate() error {
	switch {
	case !(o.Part > 0 && o.Part <= 1):
		return fmt.Errorf("got a part of %v, want more than 0 and at most 1", o.Part)
	case o.From < 0 || o.For <= 0:
		return fmt.Errorf("got from %v for %v, want from 0 or more, for more than 0", o.From, o.For)
	case o.Largest.CPUs < 1 || o.Largest.MemMiB < 1:
		return fmt.Errorf("got a largest machine of %v CPUs and %v MiB, want at least one of each", o.Largest.CPUs, o.Largest.MemMiB)
	}
	return nil
}

// Trace is the part that was read.
type Trace struct {
	// Machines by their size, the most first.
	Machines []Machines
	// Tasks in the order in which they were wanted.
	Tasks []Task
	// Groups of tasks by their number: users, or kinds of jobs.
	Groups []string
	Stats  Stats
}

// Machines are those of one size.
type Machines struct {
	Count int
	world.Amount
}

// Task is what somebody wanted.
type Task struct {
	// At is the time since the begin of the stretch; Runs is for how long, 0 for longer than it.
	At, Runs time.Duration
	world.Amount
	Group int
}

// Stats tell what was read.
type Stats struct {
	Files, Lines int
	// Bad lines, and what the first of them were.
	Bad   int
	First []string
	// Dropped tasks and events were over a bound.
	Dropped int
	// Odd tasks never ran or have no times.
	Odd int
}

// String is a line for a report.
func (s *Stats) String() string {
	text := fmt.Sprintf("%d lines of %d files; %d lines made no sense, %d tasks without a run, %d over the bound", s.Lines, s.Files, s.Bad, s.Odd, s.Dropped)
	if len(s.First) > 0 {
		text += "; the first: " + strings.Join(s.First, "; ")
	}
	return text
}

// Read reads a trace: FORMAT:DIR, such as google2019:/data/cell-a.
func Read(name string, o Options) (*Trace, error) {
	o.ensureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	format, dir, _ := strings.Cut(name, ":")
	readers := map[string]func(*reader) error{"google2019": google2019, "alibaba2018": alibaba2018}
	read := readers[format]
	if read == nil || dir == "" {
		return nil, fmt.Errorf("got trace %q, want google2019:DIR or alibaba2018:DIR", name)
	}
	r := &reader{o: o, dir: dir, groups: map[string]int{}, sizes: map[world.Amount]int{}}
	if err := read(r); err != nil {
		return nil, err
	}
	return r.finish()
}

// reader is one under way.
type reader struct {
	o      Options
	dir    string
	groups map[string]int
	sizes  map[world.Amount]int
	out    Trace
}

// Bounds of what is kept beside tasks.
const (
	manyKinds  = 1024 // sizes of machines; more are rounded to the first
	manyGroups = 4096 // groups of tasks; more are "rest"
	rest       = "rest"
)

// keeps says whether a machine or job belongs to the part that is read.
func (r *reader) keeps(id string) bool {
	if r.o.Part >= 1 {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	// The last bits of this hash are the well mixed ones once more folded.
	x := h.Sum64()
	x ^= x >> 32
	return float64(x*0x9e3779b97f4a7c15>>11)/(1<<53) < r.o.Part
}

// machine counts one, of parts of the largest.
func (r *reader) machine(cpus, mem float64) {
	a := world.Amount{CPUs: math.Max(1, math.Round(cpus*r.o.Largest.CPUs)), MemMiB: math.Max(1, math.Round(mem*r.o.Largest.MemMiB))}
	if _, known := r.sizes[a]; !known && len(r.sizes) >= manyKinds {
		r.out.Stats.Dropped++
		return
	}
	r.sizes[a]++
}

// group numbers a name.
func (r *reader) group(name string) int {
	n, ok := r.groups[name]
	if !ok {
		if len(r.groups) >= manyGroups {
			name = rest
			if n, ok = r.groups[name]; ok {
				return n
			}
		}
		n = len(r.out.Groups)
		name = strings.Clone(name) // not the line it is part of
		r.groups[name] = n
		r.out.Groups = append(r.out.Groups, name)
	}
	return n
}

// least is the least that a task asks for: traces have zeros.
var least = world.Amount{CPUs: .01, MemMiB: 1}

// task adds one that was wanted at a time of the trace, and ran from began to ended;
// ended of 0 or less is after the trace. cpus and mem are amounts.
func (r *reader) task(group string, wanted, began, ended time.Duration, cpus, mem float64) {
	until := r.o.From + r.o.For
	switch {
	case wanted >= until || ended > 0 && ended <= r.o.From:
		return // not of this stretch
	case ended > 0 && ended <= began:
		r.out.Stats.Odd++
		return
	case len(r.out.Tasks) >= r.o.MaxTasks:
		r.out.Stats.Dropped++
		return
	}
	t := Task{At: max(0, wanted-r.o.From), Group: r.group(group),
		Amount: world.Amount{CPUs: math.Max(least.CPUs, cpus), MemMiB: math.Max(least.MemMiB, mem)}}
	if ended > 0 {
		t.Runs = ended - max(began, r.o.From)
	}
	r.out.Tasks = append(r.out.Tasks, t)
}

func (r *reader) finish() (*Trace, error) {
	for a, n := range r.sizes {
		r.out.Machines = append(r.out.Machines, Machines{n, a})
	}
	slices.SortFunc(r.out.Machines, func(a, b Machines) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.CPUs, b.CPUs), cmp.Compare(a.MemMiB, b.MemMiB))
	})
	slices.SortFunc(r.out.Tasks, func(a, b Task) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Runs, b.Runs),
			cmp.Compare(a.CPUs, b.CPUs), cmp.Compare(a.MemMiB, b.MemMiB))
	})
	if len(r.out.Machines) == 0 || len(r.out.Tasks) == 0 {
		return nil, fmt.Errorf("%s: got %d kinds of machines and %d tasks from %v for %v of a part of %v, want some (%v)",
			r.dir, len(r.out.Machines), len(r.out.Tasks), r.o.From, r.o.For, r.o.Part, &r.out.Stats)
	}
	return &r.out, nil
}
