package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/resource"
)

// Options of a run.
type Options struct {
	// Workload to play, filled and checked.
	Workload *workload.Workload
	// Replay, if not nil, is what arrives, instead of what the groups would want.
	Replay    *Replay
	Allocator world.AllocatorOptions
}

// Result is a run.
type Result struct {
	Rows         []Row
	Agents       int
	Seconds      float64 // of all phases
	AllocatorCPU float64
	LoadCPU      float64
	RSS          int64           // at most
	Timeline     *world.Timeline // of all phases
}

// run is one under way.
type run struct {
	o         Options
	agents    int
	total     world.Amount
	limits    map[string]world.Amount // of roles with a quota's limit, +Inf where it says nothing
	allocator *world.Allocator
	fleet     *world.Fleet
	parties   []*party
	progress  *world.Progress
	result    Result

	shares shares
}

// Run plays the workload.
func Run(ctx context.Context, o Options, progress *world.Progress) (result *Result, err error) {
	limit := 5 * time.Minute
	for _, p := range o.Workload.Phases {
		limit += time.Duration(p.Time) + time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := &run{o: o, progress: progress, limits: map[string]world.Amount{}}
	shape, agents, err := o.Workload.Shape()
	if err != nil {
		return nil, err
	}
	r.agents, r.total, r.result.Agents = agents, shape.Total(agents), agents
	for i := range o.Workload.Groups {
		r.parties = append(r.parties, newParty(&o.Workload.Groups[i], i, o.Workload.Seed, o.Replay != nil))
	}
	r.o.Allocator.Flags = append(shape.Flags(), o.Allocator.Flags...)
	if r.allocator, err = world.StartAllocator(ctx, r.o.Allocator); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.allocator.Stop()) }()
	r.fleet = world.NewFleet(world.FleetOptions{Agents: agents, Links: o.Workload.Fleet.Links, Shape: shape, Behaviour: world.Sleeping})
	defer r.fleet.Close()
	defer r.leave()
	if err := r.play(ctx); err != nil {
		return nil, err
	}
	return &r.result, nil
}

// play brings everybody on and goes through the phases.
func (r *run) play(ctx context.Context) error {
	if err := r.roles(ctx); err != nil {
		return err
	}
	if err := r.enter(ctx, &r.o.Workload.Phases[0]); err != nil {
		return err
	}
	r.progress.Show("registering %d agents", r.agents)
	if err := r.connect(ctx); err != nil {
		return err
	}
	sampler := r.sampler()
	sampler.Start()
	began, used, own := time.Now(), r.allocator.Usage(), world.OwnCPU()
	var err error
	for i := range r.o.Workload.Phases {
		if err = r.phase(ctx, &r.o.Workload.Phases[i]); err != nil {
			err = fmt.Errorf("phase %q: %w", r.o.Workload.Phases[i].Name, err)
			break
		}
	}
	now := r.allocator.Usage()
	r.result.Timeline = sampler.Stop()
	r.result.Seconds = time.Since(began).Seconds()
	r.result.AllocatorCPU, r.result.LoadCPU, r.result.RSS = (now.CPU - used.CPU).Seconds(), (world.OwnCPU() - own).Seconds(), now.PeakRSS
	return err
}

func (r *run) connect(ctx context.Context) error {
	if err := r.fleet.Connect(ctx, r.allocator.URL()); err != nil {
		return err
	}
	return r.fleet.WaitRegistered(ctx, r.agents)
}

// roles sets weights and quotas.
func (r *run) roles(ctx context.Context) error {
	type weight struct {
		Role   string  `json:"role"`
		Weight float64 `json:"weight"`
	}
	var weights []weight
	for _, role := range r.o.Workload.Roles {
		if role.Weight > 0 {
			weights = append(weights, weight{role.Name, role.Weight})
		}
		if role.Guarantee == "" && role.Limit == "" {
			continue
		}
		config := map[string]any{"role": role.Name}
		for field, text := range map[string]string{"guarantees": role.Guarantee, "limits": role.Limit} {
			if text == "" {
				continue
			}
			amounts, err := quantities(text)
			if err != nil {
				return err
			}
			config[field] = amounts
			if field == "limits" {
				r.limits[role.Name] = limitOf(amounts)
			}
		}
		err := operate(ctx, r.allocator.URL(), "UPDATE_QUOTA", map[string]any{"force": true, "quota_configs": []any{config}})
		if err != nil {
			return err
		}
	}
	if len(weights) == 0 {
		return nil
	}
	return operate(ctx, r.allocator.URL(), "UPDATE_WEIGHTS", map[string]any{"weight_infos": weights})
}

// quantities are amounts as operators' calls have them.
func quantities(text string) (map[string]scalar, error) {
	qs, err := resource.ParseQuantities(text)
	if err != nil {
		return nil, err
	}
	amounts := map[string]scalar{}
	for _, q := range qs {
		amounts[q.Name] = scalar{float64(q.Milli) / 1000}
	}
	return amounts, nil
}

// scalar is a number as operators' calls have it.
type scalar struct {
	Value float64 `json:"value"`
}

func limitOf(amounts map[string]scalar) world.Amount {
	of := func(name string) float64 {
		if s, ok := amounts[name]; ok {
			return s.Value
		}
		return math.Inf(1)
	}
	return world.Amount{CPUs: of("cpus"), MemMiB: of("mem"), GPUs: of("gpus")}
}

// operate makes a call whose body has the name of its type in lower case.
func operate(ctx context.Context, url, call string, body any) error {
	lower := []byte(call)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	text, err := json.Marshal(map[string]any{"type": call, string(lower): body})
	if err != nil {
		return err
	}
	return world.Operate(ctx, url, string(text))
}

// enter brings on the frameworks of a phase and takes off the others.
func (r *run) enter(ctx context.Context, ph *workload.Phase) error {
	for _, p := range r.parties {
		switch in := p.In(ph.Name); {
		case in && !p.present():
			r.progress.Show("subscribing %s", p.Name)
			if err := p.subscribe(ctx, r.allocator.URL()); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		case !in && p.present():
			p.leave(true)
		}
	}
	return nil
}

// phase plays one.
func (r *run) phase(ctx context.Context, ph *workload.Phase) error {
	if err := r.enter(ctx, ph); err != nil {
		return err
	}
	if ph.Maintenance > 0 {
		machines := int(math.Ceil(ph.Maintenance * float64(r.agents)))
		if err := r.fleet.Maintain(ctx, r.allocator.URL(), machines, time.Duration(ph.Time)); err != nil {
			return err
		}
	}
	if ph.Vanish > 0 {
		r.fleet.Cut(int(math.Ceil(ph.Vanish * float64(r.fleet.Links()))))
		r.fleet.Forgive()
	}
	arriving, stop := context.WithCancel(ctx)
	var arrivals sync.WaitGroup
	for _, p := range r.parties {
		if p.present() && r.o.Replay == nil {
			arrivals.Go(func() { p.arrivals(arriving, *ph.Load) })
		}
	}
	if r.o.Replay != nil {
		arrivals.Go(func() { r.o.Replay.play(arriving, r.parties) })
	}
	err := r.look(ctx, ph)
	stop()
	arrivals.Wait()
	if err != nil {
		return err
	}
	if ph.Maintenance > 0 {
		if err := r.fleet.Maintain(ctx, r.allocator.URL(), 0, 0); err != nil {
			return err
		}
	}
	if ph.Vanish > 0 {
		return r.connect(ctx)
	}
	return nil
}

// leave ends the frameworks.
func (r *run) leave() {
	for _, p := range r.parties {
		if p.present() {
			p.leave(!r.allocator.Ours())
		}
	}
}
