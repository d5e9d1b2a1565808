package world

import (
	"sync"
	"time"
)

// Latencies is a histogram for many goroutines that also knows what came since it was
// last asked.
type Latencies struct {
	mu            sync.Mutex
	total, recent Histogram // guarded by mu; recent is not yet in total
}

// Record counts one duration.
func (l *Latencies) Record(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent.Record(d)
}

// Total is a copy of all that was recorded since the last Reset.
func (l *Latencies) Total() *Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.total
	h.Merge(&l.recent)
	return &h
}

// Reset forgets all.
func (l *Latencies) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total, l.recent = Histogram{}, Histogram{}
}

// since returns the quantiles of what came since the last call.
func (l *Latencies) since(qs ...float64) (at []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range qs {
		at = append(at, l.recent.Quantile(q))
	}
	l.total.Merge(&l.recent)
	l.recent = Histogram{}
	return at
}

// Timeline is how a run went, sampled at even intervals.
type Timeline struct {
	EverySeconds float64 `json:"every_s"`
	Curves       []Curve `json:"curves"`
}

// Curve is one quantity. Curves of one Plot, which names the unit, share a drawing.
type Curve struct {
	Plot   string    `json:"plot"`
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
	// Reference curves are what the curve before them is compared with.
	Reference bool `json:"reference,omitempty"`
}

// Sampler fills a Timeline.
type Sampler struct {
	every    time.Duration
	columns  []func(passed float64) []float64 // of neighbouring curves
	timeline Timeline
	stop     chan struct{}
	ended    sync.WaitGroup
}

// NewSampler makes one that already samples the allocator's CPU time and memory, if
// its process is ours.
func NewSampler(every time.Duration, a *Allocator) *Sampler {
	s := &Sampler{every: every, stop: make(chan struct{}), timeline: Timeline{EverySeconds: every.Seconds()}}
	if a.Ours() {
		s.Rate("allocator CPU, cores", "allocator", func() float64 { return a.Usage().CPU.Seconds() })
		s.Gauge("allocator memory, MiB", "resident", func() float64 { return float64(a.Usage().RSS) / (1 << 20) })
	}
	return s
}

func (s *Sampler) add(column func(passed float64) []float64, curves ...Curve) {
	s.timeline.Curves = append(s.timeline.Curves, curves...)
	s.columns = append(s.columns, column)
}

// Gauge adds a curve of what f returns.
func (s *Sampler) Gauge(plot, name string, f func() float64) {
	s.add(func(float64) []float64 { return []float64{f()} }, Curve{Plot: plot, Name: name})
}

// Reference adds a curve that the one before it is compared with.
func (s *Sampler) Reference(plot, name string, f func() float64) {
	s.add(func(float64) []float64 { return []float64{f()} }, Curve{Plot: plot, Name: name, Reference: true})
}

// Rate adds a curve of how much the total that f returns grows in a second. A total
// that shrinks, as that of a process that was started again, counts as standing still.
func (s *Sampler) Rate(plot, name string, f func() float64) {
	last := f()
	s.add(func(passed float64) []float64 {
		now := f()
		grown := now - last
		last = now
		return []float64{max(0, grown) / passed}
	}, Curve{Plot: plot, Name: name})
}

// Latency adds curves of the median and the 99th percentile of each interval, in
// milliseconds.
func (s *Sampler) Latency(plot string, l *Latencies) {
	s.add(func(float64) []float64 {
		at := l.since(.5, .99)
		return []float64{float64(at[0]) / 1e6, float64(at[1]) / 1e6}
	}, Curve{Plot: plot, Name: "p50"}, Curve{Plot: plot, Name: "p99"})
}

// sample appends a value to each curve.
func (s *Sampler) sample(passed time.Duration) {
	i := 0
	for _, column := range s.columns {
		for _, v := range column(passed.Seconds()) {
			s.timeline.Curves[i].Values = append(s.timeline.Curves[i].Values, v)
			i++
		}
	}
}

// Start begins to sample.
func (s *Sampler) Start() {
	s.ended.Go(func() {
		tick := time.NewTicker(s.every)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case now := <-tick.C:
				s.sample(now.Sub(last))
				last = now
			case <-s.stop:
				return
			}
		}
	})
}

// Stop ends the sampling and returns what was sampled.
func (s *Sampler) Stop() *Timeline {
	close(s.stop)
	s.ended.Wait()
	return &s.timeline
}
