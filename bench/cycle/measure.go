package cycle

import (
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

// Report is the result of one shape.
type Report struct {
	Agents         int      `json:"agents"`
	Frameworks     int      `json:"frameworks"`
	Roles          int      `json:"roles"`
	Partial        bool     `json:"partial,omitempty"`
	Quota          string   `json:"quota,omitempty"`
	DeclineSeconds float64  `json:"decline_s,omitempty"`
	Rich           bool     `json:"rich,omitempty"`
	Cycles         []Sample `json:"cycles"`
	Median         Sample   `json:"median"`
	AllocsPerCycle uint64   `json:"allocs_per_cycle"`
	BytesPerAgent  int64    `json:"bytes_per_agent"`
	AddFrameworks  float64  `json:"add_frameworks_cpu_s"`
	AddAgents      float64  `json:"add_agents_cpu_s"`
	Decline        float64  `json:"decline_cpu_s"`
	Materialize    float64  `json:"materialize_cpu_s"`
	Records        float64  `json:"records_cpu_s"`
	Encode         float64  `json:"encode_cpu_s"`
	EventCycle     float64  `json:"event_cycle_cpu_s"`
	QuietCycle     float64  `json:"quiet_cycle_cpu_s"`
}

// Sample is one full cycle.
type Sample struct {
	WallSeconds float64 `json:"wall_s"`
	CPUSeconds  float64 `json:"cpu_s"`
	Offers      int     `json:"offers"`
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
	sink   int

	batches core.OfferBatches
	made    []record.Record
	encoded []byte
	offers  uint64 // numbers given out
}

const interval = int64(time.Second)

// Measure builds a cluster and measures it.
func Measure(s Shape) (*Report, error) {
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
	b.report = Report{
		Agents: s.Agents, Frameworks: s.Frameworks, Roles: s.Roles, Partial: s.Partial,
		Quota: s.Quota, DeclineSeconds: s.DeclineSeconds, Rich: s.Rich,
	}
	steps := []func() error{b.addFrameworks, b.addAgents, b.cycles, b.quiet, b.event}
	for _, step := range steps {
		if err := step(); err != nil {
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
	_, b.report.AddFrameworks = w.seconds()
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

// tick runs the periodic cycle.
func (b *bench) tick() Sample {
	b.now += interval
	w := start()
	b.a.RunCycle(b.now, &b.result)
	wall, cpu := w.seconds()
	return Sample{wall, cpu, len(b.result.Offers)}
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
	b.tick()
	if err := b.decline(b.shape.DeclineSeconds); err != nil {
		return err
	}
	var decline, materialize, records, encode []float64
	var allocs []uint64
	for range b.shape.Cycles {
		runtime.GC()
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		s := b.tick()
		runtime.ReadMemStats(&m1)
		allocs = append(allocs, m1.Mallocs-m0.Mallocs)
		b.report.Cycles = append(b.report.Cycles, s)
		w := start()
		b.makeRecords()
		_, cpu := w.seconds()
		records = append(records, cpu)
		w = start()
		if err := b.encode(); err != nil {
			return err
		}
		_, cpu = w.seconds()
		encode = append(encode, cpu)
		w = start()
		for i := range b.result.Offers {
			b.sink += len(b.result.Offers[i].Resources())
		}
		_, cpu = w.seconds()
		materialize = append(materialize, cpu)
		w = start()
		if err := b.decline(b.shape.DeclineSeconds); err != nil {
			return err
		}
		_, cpu = w.seconds()
		decline = append(decline, cpu)
	}
	b.report.Median = medianSample(b.report.Cycles)
	b.report.Decline, b.report.Materialize = median(decline), median(materialize)
	b.report.Records, b.report.Encode = median(records), median(encode)
	slices.Sort(allocs)
	b.report.AllocsPerCycle = allocs[len(allocs)/2]
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
	b.tick()
	kept := slices.Clone(b.result.Offers)
	var cpu []float64
	for range 5 {
		cpu = append(cpu, b.tick().CPUSeconds)
		if n := len(b.result.Offers); n > 0 && b.shape.DeclineSeconds == 0 {
			return fmt.Errorf("got %d offers in a cycle with nothing to offer, want none", n)
		}
	}
	b.report.QuietCycle = median(cpu)
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
	b.report.EventCycle = median(cpu)
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
