package cycle

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/resource"
)

// Report is the result of one shape, as --json prints it.
type Report struct {
	Agents     int      `json:"agents"`
	Frameworks int      `json:"frameworks"`
	Roles      int      `json:"roles"`
	Cycles     []Sample `json:"cycles"`
	Median     Sample   `json:"median"`
	// AllocsPerCycle is what deciding allocates; records are not among it.
	AllocsPerCycle uint64  `json:"allocs_per_cycle"`
	BytesPerAgent  int64   `json:"bytes_per_agent"`
	AddAgents      float64 `json:"add_agents_cpu_s"`

	Parts Parts `json:"-"`
}

// Sample is one full cycle: offers are decided, and their records made and encoded for the
// journal.
type Sample struct {
	WallSeconds float64 `json:"wall_s"`
	CPUSeconds  float64 `json:"cpu_s"`
	Offers      int     `json:"offers"`
}

// Parts is CPU time of parts of a cycle, medians, and of other things measured on the way.
type Parts struct {
	Decide        float64 `json:"decide_cpu_s"`
	Records       float64 `json:"records_cpu_s"`
	Encode        float64 `json:"encode_cpu_s"`
	RecordBytes   int     `json:"record_bytes"`
	Floor         float64 `json:"floor_cpu_s"`
	AddFrameworks float64 `json:"add_frameworks_cpu_s"`
	Decline       float64 `json:"decline_cpu_s"`
	EventCycle    float64 `json:"event_cycle_cpu_s"`
	QuietCycle    float64 `json:"quiet_cycle_cpu_s"`
	// Of shapes in which everything is refused: the refusals in force, what the process holds in
	// memory with them, and a cycle after everything that is known of agents was forgotten.
	Refusals    int     `json:"refusals,omitempty"`
	RSSBytes    int64   `json:"rss_bytes,omitempty"`
	RefusedScan float64 `json:"refused_scan_cpu_s,omitempty"`
}

// stopwatch measures wall time and the CPU time of the whole process, garbage
// collection included.
type stopwatch struct {
	wall time.Time
	cpu  int64
}

func cpuNanos() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic("BUG: the process clock cannot be read: " + err.Error())
	}
	return ts.Nano()
}

func start() stopwatch { return stopwatch{time.Now(), cpuNanos()} }

func (s stopwatch) seconds() (wall, cpu float64) {
	cpu = float64(cpuNanos()-s.cpu) / 1e9
	return time.Since(s.wall).Seconds(), cpu
}

// bench is a cluster being measured.
type bench struct {
	shape  Shape
	a      *cycle.Allocator
	result cycle.Result
	now    int64
	report Report
	sink   int // keeps the floor from being optimized away

	batches core.OfferBatches
	made    []record.Record
	encoded []byte
	offers  uint64 // numbers given out
}

const interval = int64(time.Second)

// Measure builds a cluster and measures it. It ends early, between two steps, when ctx does.
func Measure(ctx context.Context, s Shape) (*Report, error) {
	if s.Cycles <= 0 {
		s.Cycles = 11
	}
	if s.Batch <= 0 {
		s.Batch = 256
	}
	if s.Roles > s.Frameworks {
		return nil, fmt.Errorf("got %d roles for %d frameworks, want at least a framework for each", s.Roles, s.Frameworks)
	}
	b := &bench{shape: s, a: cycle.New(cycle.Options{Seed: 1, QuotaScope: cycle.Role})}
	b.report = Report{Agents: s.Agents, Frameworks: s.Frameworks, Roles: s.Roles}
	steps := []func() error{b.addFrameworks, b.addAgents, b.cycles, b.allocations, b.floor, b.quiet, b.event}
	if s.Refused {
		steps = []func() error{b.addFrameworks, b.addAgents, b.refuseAll, b.refusedCycles, b.allocations, b.floor}
	}
	for _, step := range steps {
		if err := errors.Join(step(), ctx.Err()); err != nil {
			return nil, err
		}
	}
	return &b.report, nil
}

func (b *bench) addFrameworks() error {
	if b.shape.Quota != "" && b.shape.Quota != "none" || b.shape.Rich {
		if err := b.shape.setQuotas(b.a); err != nil {
			return err
		}
	}
	frameworks := make([]cycle.Framework, b.shape.Frameworks)
	for i := range frameworks {
		frameworks[i] = b.shape.framework(i)
	}
	w := start()
	for i := range frameworks {
		if err := b.a.AddFramework(b.now, frameworks[i], nil); err != nil {
			return err
		}
	}
	b.a.RunCycle(b.now, &b.result)
	_, b.report.Parts.AddFrameworks = w.seconds()
	return nil
}

func (b *bench) addAgents() error {
	total := b.shape.total()
	agents := make([]cycle.Agent, b.shape.Agents)
	used := make([]map[string]resource.Resources, b.shape.Agents)
	task := parse(partialAllocation())
	for i := range agents {
		agents[i] = b.shape.agent(i, total)
		if b.shape.Partial {
			f := b.shape.framework(i % b.shape.Frameworks)
			used[i] = map[string]resource.Resources{f.ID: task.Allocate(f.Roles[0])}
		}
	}
	var offers []cycle.Offer
	before := heapBytes()
	w := start()
	for i := range agents {
		if err := b.a.AddAgent(b.now, agents[i], used[i]); err != nil {
			return err
		}
		if (i+1)%b.shape.Batch == 0 || i == len(agents)-1 {
			b.a.RunCycle(b.now, &b.result)
			offers = append(offers, b.result.Offers...)
		}
	}
	_, b.report.AddAgents = w.seconds()
	for i := range offers {
		if err := b.a.DeclineOffer(b.now, &offers[i], nil); err != nil {
			return err
		}
	}
	clear(offers)
	offers = nil
	b.result = cycle.Result{}
	if n := int64(len(agents)); n > 0 {
		b.report.BytesPerAgent = (heapBytes() - before) / n
	}
	runtime.KeepAlive(agents)
	runtime.KeepAlive(used)
	return nil
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// decide runs the periodic cycle.
func (b *bench) decide() {
	b.now += interval
	b.a.RunCycle(b.now, &b.result)
}

// full is a whole cycle: what the service does up to the bytes for its journal.
func (b *bench) full() (s Sample, decide, records, encode float64, err error) {
	w := start()
	b.decide()
	_, decide = w.seconds()
	b.makeRecords()
	_, records = w.seconds()
	err = b.encode()
	s.WallSeconds, s.CPUSeconds = w.seconds()
	s.Offers = len(b.result.Offers)
	return s, decide, records - decide, s.CPUSeconds - records, err
}

func (b *bench) decline(seconds float64) error {
	var filter *cycle.Filter
	if seconds > 0 {
		filter = &cycle.Filter{RefuseSeconds: seconds}
	}
	for i := range b.result.Offers {
		if err := b.a.DeclineOffer(b.now, &b.result.Offers[i], filter); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) cycles() error {
	b.decide()
	if err := b.decline(b.shape.DeclineSeconds); err != nil {
		return err
	}
	var decide, records, encode, decline []float64
	for i := range b.shape.Cycles + 1 {
		runtime.GC()
		s, d, r, e, err := b.full()
		if err != nil {
			return err
		}
		w := start()
		if err := b.decline(b.shape.DeclineSeconds); err != nil {
			return err
		}
		if i == 0 {
			continue // memory grows to its size
		}
		_, cpu := w.seconds()
		decline = append(decline, cpu)
		b.report.Cycles = append(b.report.Cycles, s)
		decide, records, encode = append(decide, d), append(records, r), append(encode, e)
	}
	p := &b.report.Parts
	b.report.Median = medianSample(b.report.Cycles)
	p.Decide, p.Records, p.Encode, p.Decline = median(decide), median(records), median(encode), median(decline)
	p.RecordBytes = len(b.encoded)
	return nil
}

// allocations counts what the allocator allocates in a cycle; the records are not among it.
func (b *bench) allocations() error {
	var allocs []float64
	for range 5 {
		runtime.GC()
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		b.decide()
		runtime.ReadMemStats(&m1)
		allocs = append(allocs, float64(m1.Mallocs-m0.Mallocs))
		if err := b.decline(b.shape.DeclineSeconds); err != nil {
			return err
		}
	}
	b.report.AllocsPerCycle = uint64(median(allocs))
	return nil
}

// floor measures what there would be to do if there were nothing but fair shares.
func (b *bench) floor() error {
	f := newFloor(b.shape.Agents, b.shape.Frameworks)
	var cpu []float64
	for range 5 {
		w := start()
		b.sink += f.cycle(b.shape.Agents)
		_, c := w.seconds()
		cpu = append(cpu, c)
	}
	b.report.Parts.Floor = median(cpu)
	return nil
}

// makeRecords does what the allocator service does between the cycle and the journal: it sorts
// the offers by framework, numbers them and makes the records of their batches.
func (b *bench) makeRecords() {
	b.made = b.made[:0]
	b.batches.Group(b.result.Offers)
	for i := range b.batches.Frameworks() {
		for chunk := range slices.Chunk(b.batches.Of(i), record.MostOffersInBatch) {
			first := b.offers
			b.offers += uint64(len(chunk))
			v := b.batches.Make(chunk, first, "2bd7d5c6-4e8c-4a77-9c0e-1d6f0c6c8d3f", b.now)
			b.made = append(b.made, record.Put(record.OfferBatchKey(first), v))
		}
	}
}

// encode makes the bytes of all records, as the service's loop does for its journal.
func (b *bench) encode() error {
	b.encoded = b.encoded[:0]
	for i := range b.made {
		var err error
		if b.encoded, err = record.AppendValue(b.encoded, b.made[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// quiet measures a cycle that offers nothing: after one in which everything was
// offered and nothing came back.
func (b *bench) quiet() error {
	b.decide()
	kept := slices.Clone(b.result.Offers)
	var cpu []float64
	for range 5 {
		w := start()
		b.decide()
		_, c := w.seconds()
		cpu = append(cpu, c)
		if n := len(b.result.Offers); n > 0 && b.shape.DeclineSeconds == 0 {
			return fmt.Errorf("got %d offers in a cycle with nothing to offer, want none", n)
		}
	}
	b.report.Parts.QuietCycle = median(cpu)
	b.result.Offers = append(b.result.Offers[:0], kept...)
	return nil
}

// event measures what it takes to offer one agent that was freed: the agent is
// declined without a filter and made a candidate.
func (b *bench) event() error {
	offers := slices.Clone(b.result.Offers)
	if len(offers) == 0 {
		return nil
	}
	offers = offers[:min(len(offers), 200)]
	var cpu []float64
	for i := range offers {
		if err := b.a.DeclineOffer(b.now, &offers[i], nil); err != nil {
			return err
		}
		w := start()
		if err := b.a.UpdateUnavailability(b.now, offers[i].Agent(), nil); err != nil {
			return err
		}
		b.a.RunCycle(b.now, &b.result)
		_, c := w.seconds()
		cpu = append(cpu, c)
	}
	b.report.Parts.EventCycle = median(cpu)
	return nil
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	y := slices.Clone(x)
	slices.Sort(y)
	return y[len(y)/2]
}

func medianSample(samples []Sample) Sample {
	var wall, cpu, offers []float64
	for _, s := range samples {
		wall, cpu, offers = append(wall, s.WallSeconds), append(cpu, s.CPUSeconds), append(offers, float64(s.Offers))
	}
	return Sample{median(wall), median(cpu), int(median(offers))}
}
