package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/perf"
	"github.com/caprock/caprock/wire/clock"
)

// Perf says which events are counted in containers, as Mesos' flags of the same names.
type Perf struct {
	// Events, such as "cycles,task-clock"; "" for none.
	Events string
	// Every Interval events are counted for Duration; 1 min and 10 s if 0.
	Interval, Duration time.Duration
}

// Validate reports every fault.
func (p *Perf) Validate() error {
	_, err := perf.ParseEvents(p.Events)
	if p.duration() > p.interval() {
		err = errors.Join(err, fmt.Errorf("perf_duration: got %s, want at most perf_interval, which is %s", p.duration(), p.interval()))
	}
	return err
}

func (p *Perf) interval() time.Duration {
	if p.Interval == 0 {
		return time.Minute
	}
	return p.Interval
}

func (p *Perf) duration() time.Duration {
	if p.Duration == 0 {
		return 10 * time.Second
	}
	return p.Duration
}

// sampler counts events in all containers from time to time.
type sampler struct {
	options Perf
	events  []perf.Event
	log     *slog.Logger
	clock   clock.Clock
	stop    context.CancelFunc
	done    chan struct{}
	// dirs names containers by their directories.
	dirs func() map[string]string

	mu   sync.Mutex
	last map[string]perf.Count // guarded by mu; by container
}

// startSampler tries the events on a directory and begins. It may use a quarter of the
// descriptors that the process may have.
func startSampler(o Perf, root string, dirs func() map[string]string, log *slog.Logger) (*sampler, error) {
	events, err := perf.ParseEvents(o.Events)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	if err := perf.Check(root, events); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &sampler{options: o, events: events, log: log, clock: clock.Real(), dirs: dirs, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for s.sample(ctx) {
		}
	}()
	return s, nil
}

// sample counts once and waits for the next time; false if it is to stop.
func (s *sampler) sample(ctx context.Context) bool {
	rest := s.clock.NewTimer(s.options.interval())
	defer rest.Stop()
	dirs := s.dirs()
	counts, err := perf.Sample(ctx, s.clock, dirsOf(dirs), s.events, s.options.duration(), descriptors()/4)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("performance events are not counted in all containers", "err", err)
	}
	last := make(map[string]perf.Count, len(counts))
	for dir, count := range counts {
		last[dirs[dir]] = count
	}
	s.mu.Lock()
	s.last = last
	s.mu.Unlock()
	select {
	case <-rest.C():
		return true
	case <-ctx.Done():
		return false
	}
}

func dirsOf(dirs map[string]string) []string {
	out := make([]string, 0, len(dirs))
	return slices.AppendSeq(out, maps.Keys(dirs))
}

// of returns the last sample of a container, nil if there is none.
func (s *sampler) of(id string) *perf.Count {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if count, ok := s.last[id]; ok {
		return &count
	}
	return nil
}

func (s *sampler) close() {
	if s != nil {
		s.stop()
		<-s.done
	}
}

func descriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<30))
}
