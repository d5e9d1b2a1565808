package trace

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// Columns of Google's tables, in the order of their published format (version 3), records
// within records flattened as BigQuery writes them.
var (
	machineEvents    = []string{"time", "machine_id", "type", "switch_id", "capacity.cpus", "capacity.memory", "platform_id", "missing_data_reason"}
	collectionEvents = []string{"time", "type", "collection_id", "scheduling_class", "missing_type", "collection_type", "priority", "alloc_collection_id",
		"user", "collection_name", "collection_logical_name", "parent_collection_id", "start_after_collection_ids", "max_per_machine", "max_per_switch",
		"vertical_scaling", "scheduler"}
	instanceEvents = []string{"time", "type", "collection_id", "scheduling_class", "missing_type", "collection_type", "priority", "alloc_collection_id",
		"instance_index", "machine_id", "alloc_instance_index", "resource_request.cpus", "resource_request.memory", "constraint"}
)

// Types of events of instances, and of machines.
const (
	submit = iota
	queue
	enable
	schedule
	evict
	fail
	finish
	kill
	lost
	updatePending
	updateRunning

	machineAdd    = 1
	machineRemove = 2
	machineUpdate = 3
)

var (
	eventNames      = []string{"SUBMIT", "QUEUE", "ENABLE", "SCHEDULE", "EVICT", "FAIL", "FINISH", "KILL", "LOST", "UPDATE_PENDING", "UPDATE_RUNNING"}
	machineNames    = []string{"EVENT_TYPE_UNKNOWN", "ADD", "REMOVE", "UPDATE"}
	collectionNames = []string{"JOB", "ALLOC_SET"}
)

// manyEvents for each task that may be kept: submitted, queued, enabled, scheduled, ended,
// updated. Tables need not be sorted, so events are kept before they are tasks.
const manyEvents = 6

// event is one of an instance.
type event struct {
	collection int64
	time       int64 // µs; 0 before the trace, the greatest number after it
	index      int32
	kind       uint8
	cpus, mem  float32 // parts of the largest machine
}

// google reads Google's tables.
type google struct {
	*reader
	users  map[int64]string
	events []event
}

func google2019(r *reader) error {
	g := &google{reader: r, users: map[int64]string{}}
	if err := g.machines(); err != nil {
		return err
	}
	if _, err := r.each("collection_events", collectionEvents, g.collection); err != nil {
		return err
	}
	there, err := r.each("instance_events", instanceEvents, g.instance)
	if err != nil {
		return err
	}
	if !there {
		return errors.New(r.dir + ": got no instance_events*.csv, .csv.gz or .csv.zst, want Google's table of that name")
	}
	g.tasks()
	return nil
}

// machines are those that are there when the stretch begins.
func (g *google) machines() error {
	type state struct {
		time      int64
		cpus, mem float64
		removed   bool
	}
	last := map[string]state{}
	there, err := g.each("machine_events", machineEvents, func(l *line) error {
		id, at, kind := l.text("machine_id"), l.whole("time"), l.code("type", machineNames)
		cpus, mem := l.number("capacity.cpus"), l.number("capacity.memory")
		if id == "" {
			l.fail("machine_id", "an id")
		}
		if l.err != nil {
			return l.err
		}
		if !g.keeps(id) || micros(at) > g.o.From {
			return nil
		}
		s, known := last[id]
		if known && s.time > at || !known && len(last) >= g.o.MaxTasks {
			return nil
		}
		s.time, s.removed = at, kind == machineRemove
		if cpus > 0 && mem > 0 && (kind == machineAdd || kind == machineUpdate) {
			s.cpus, s.mem = cpus, mem
		}
		if !known {
			id = strings.Clone(id)
		}
		last[id] = s
		return nil
	})
	if err == nil && !there {
		err = errors.New(g.dir + ": got no machine_events*.csv, .csv.gz or .csv.zst, want Google's table of that name")
	}
	for _, s := range last {
		if !s.removed && s.cpus > 0 {
			g.machine(s.cpus, s.mem)
		}
	}
	return err
}

// collection notes whose a job is.
func (g *google) collection(l *line) error {
	id, user := l.whole("collection_id"), l.text("user")
	if l.err != nil || user == "" || len(g.users) >= g.o.MaxTasks || !g.keeps(l.text("collection_id")) {
		return l.err
	}
	if _, known := g.users[id]; !known {
		g.users[id] = strings.Clone(user)
	}
	return nil
}

// instance notes an event. Instances of alloc sets are reservations, not tasks.
func (g *google) instance(l *line) error {
	e := event{collection: l.whole("collection_id"), time: l.whole("time"), index: int32(l.whole("instance_index")),
		cpus: float32(l.number("resource_request.cpus")), mem: float32(l.number("resource_request.memory"))}
	kind := l.code("type", eventNames)
	set := 0
	if l.text("collection_type") != "" {
		set = l.code("collection_type", collectionNames)
	}
	if e.time < 0 {
		l.fail("time", "0 or more")
	}
	if l.err != nil || set == 1 || !g.keeps(l.text("collection_id")) {
		return l.err
	}
	// What begins after the stretch is not needed, but ends are.
	if kind == submit && micros(e.time) >= g.o.From+g.o.For {
		return nil
	}
	if len(g.events) >= manyEvents*g.o.MaxTasks {
		g.out.Stats.Dropped++
		return nil
	}
	e.kind = uint8(kind)
	g.events = append(g.events, e)
	return nil
}

func micros(t int64) time.Duration {
	if t > math.MaxInt64/1000 {
		return math.MaxInt64
	}
	return time.Duration(t) * time.Microsecond
}

// tasks makes tasks of events: each time that an instance was wanted and ran is one.
func (g *google) tasks() {
	slices.SortFunc(g.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.collection, b.collection), cmp.Compare(a.index, b.index), cmp.Compare(a.time, b.time), cmp.Compare(a.kind, b.kind))
	})
	for i := 0; i < len(g.events); {
		n := i + 1
		for n < len(g.events) && g.events[n].collection == g.events[i].collection && g.events[n].index == g.events[i].index {
			n++
		}
		g.lives(g.events[i:n])
		i = n
	}
}

// lives makes tasks of one instance's events, which are in order.
func (g *google) lives(events []event) {
	user := g.users[events[0].collection]
	if user == "" {
		user = "unknown"
	}
	var wanted, began time.Duration
	var cpus, mem float64
	pending, running := true, false
	end := func(ended time.Duration) {
		g.task(user, wanted, began, ended, cpus*g.o.Largest.CPUs, mem*g.o.Largest.MemMiB)
	}
	for i, e := range events {
		at := micros(e.time)
		if e.cpus > 0 || e.mem > 0 {
			cpus, mem = float64(e.cpus), float64(e.mem)
		}
		switch e.kind {
		case submit:
			wanted, pending = at, true
		case schedule:
			if i == 0 {
				wanted = at // submitted before the table begins
			}
			if !running {
				began, pending, running = at, false, true
			}
		case evict, fail, finish, kill, lost:
			if running && at < math.MaxInt64 {
				end(at)
			} else if running {
				end(0)
			} else if pending {
				g.out.Stats.Odd++ // ended without having run
			}
			// What is evicted is wanted again at once.
			wanted, pending, running = at, e.kind == evict, false
		}
	}
	if running {
		end(0)
	}
}
