package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

const nanosPerSecond = 1e9

// Player gives commands to an allocator and keeps what the commands speak of:
// offers, tasks, inverse offers, descriptions of agents.
type Player struct {
	// Configure changes the options that the history asks for; may be nil.
	Configure func(*cycle.Options)
	// NewTarget makes what is played against if it is not alloc/cycle.
	NewTarget func(cycle.Options) Target
	// AfterCycle is called after every cycle, for checks of the caller; may be nil.
	// It may replace the allocator.
	AfterCycle func(*Player)

	Allocator *cycle.Allocator
	Now       int64

	counts  bool
	options cycle.Options
	target  Target
	made    []Decided
	asked   []cycle.InverseOffer
	answers []string

	offers     map[string]*offer
	offerCount int
	inverse    map[string]*inverse
	inverses   int
	tasks      map[string]*task
	launched   int
	agents     map[string]*cycle.Agent
}

type offer struct {
	name, framework, role, agent string
	res                          resource.Resources // allocated to role
}

type inverse struct{ name, framework, agent string }

type task struct {
	name, framework, role, agent string
	order                        int
	res                          resource.Resources // allocated to role
}

// NewPlayer returns a player with an allocator of default options, but for the
// scope of quotas, which is that of Mesos.
func NewPlayer(counts bool, configure func(*cycle.Options)) *Player {
	return NewPlayerOf(counts, configure, nil)
}

// NewPlayerOf is NewPlayer for another implementation of the rules.
func NewPlayerOf(counts bool, configure func(*cycle.Options), newTarget func(cycle.Options) Target) *Player {
	p := &Player{
		Configure: configure, NewTarget: newTarget, counts: counts,
		offers: make(map[string]*offer), inverse: make(map[string]*inverse),
		tasks: make(map[string]*task), agents: make(map[string]*cycle.Agent),
	}
	p.reset(cycle.Options{})
	return p
}

func (p *Player) reset(o cycle.Options) {
	o.QuotaScope = cycle.Role
	if p.Configure != nil {
		p.Configure(&o)
	}
	p.options = o
	if p.NewTarget != nil {
		p.target = p.NewTarget(o)
		return
	}
	p.use(cycle.New(o))
}

func (p *Player) use(a *cycle.Allocator) {
	p.Allocator = a
	p.target = &real{Allocator: a}
}

// Do plays one command and returns the allocator's answers.
func (p *Player) Do(command string) (answers []string, err error) {
	w := split(command)
	p.answers = nil
	v, ok := verbs[w.verb]
	if !ok {
		return nil, fmt.Errorf("command %q: unknown verb", command)
	}
	if err = v.check(w); err == nil {
		err = v.do(p, w)
	}
	if err != nil {
		return p.answers, fmt.Errorf("command %q: %w", command, err)
	}
	p.settle()
	return p.answers, nil
}

// settle runs the cycle that the command may have caused.
func (p *Player) settle() {
	p.made, p.asked = p.target.Run(p.Now)
	p.report()
	if p.AfterCycle != nil {
		p.AfterCycle(p)
	}
}

func (p *Player) report() {
	made := make([]*offer, 0, len(p.made))
	for _, o := range p.made {
		made = append(made, &offer{framework: o.Framework, role: o.Role, agent: o.Agent, res: o.Resources})
	}
	slices.SortFunc(made, func(x, y *offer) int {
		return cmp.Or(cmp.Compare(x.framework, y.framework), cmp.Compare(x.role, y.role), cmp.Compare(x.agent, y.agent))
	})
	made = p.mergeOffers(made)
	if p.counts {
		p.reportCounts(made)
	}
	for _, o := range made {
		p.offerCount++
		o.name = "o" + strconv.Itoa(p.offerCount)
		p.offers[o.name] = o
		if !p.counts {
			p.answers = append(p.answers, fmt.Sprintf(`{"t":%s,"offer":%q,"framework":%q,"role":%q,"agent":%q,"resources":%q}`,
				p.seconds(), o.name, o.framework, o.role, o.agent, notation.Format(o.res.Unallocate())))
		}
	}
	for _, o := range p.asked {
		p.inverses++
		x := &inverse{"i" + strconv.Itoa(p.inverses), o.Framework, o.Agent}
		p.inverse[x.name] = x
		line := fmt.Sprintf(`{"t":%s,"inverse":%q,"framework":%q,"agent":%q,"start":%s`,
			p.seconds(), x.name, x.framework, x.agent, seconds(o.Unavailability.GetStart().GetNanoseconds()))
		if o.Unavailability.Duration != nil {
			line += `,"duration":` + seconds(o.Unavailability.Duration.GetNanoseconds())
		}
		p.answers = append(p.answers, line+"}")
	}
}

// mergeOffers joins what both stages of one cycle gave to the same claim on the
// same agent, which is one offer.
func (p *Player) mergeOffers(sorted []*offer) []*offer {
	out := sorted[:0]
	for _, o := range sorted {
		if n := len(out); n > 0 && out[n-1].framework == o.framework && out[n-1].role == o.role && out[n-1].agent == o.agent {
			out[n-1].res = out[n-1].res.Plus(o.res)
			continue
		}
		out = append(out, o)
	}
	return out
}

func (p *Player) reportCounts(made []*offer) {
	for i := 0; i < len(made); {
		first, total := made[i], resource.Quantities(nil)
		n := 0
		for ; i < len(made) && made[i].framework == first.framework && made[i].role == first.role; i++ {
			n++
			total = total.Plus(made[i].res.CreateStrippedScalarQuantity())
		}
		p.answers = append(p.answers, fmt.Sprintf(`{"t":%s,"framework":%q,"role":%q,"offers":%d,"total":%q}`,
			p.seconds(), first.framework, first.role, n, quantities(total)))
	}
}

func quantities(q resource.Quantities) string {
	out := ""
	for i, x := range q {
		if i > 0 {
			out += ";"
		}
		out += x.Name + ":" + resource.FormatMilli(x.Milli)
	}
	return out
}

func (p *Player) seconds() string { return seconds(p.Now) }

func seconds(nanos int64) string {
	return strconv.FormatFloat(float64(nanos)/nanosPerSecond, 'f', -1, 64)
}

// sortedOffers returns the open offers that match, in the order role, agent,
// name.
func (p *Player) sortedOffers(match func(*offer) bool) []*offer {
	var out []*offer
	for _, o := range p.offers {
		if match(o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(x, y *offer) int {
		return cmp.Or(cmp.Compare(x.role, y.role), cmp.Compare(x.agent, y.agent),
			cmp.Compare(len(x.name), len(y.name)), cmp.Compare(x.name, y.name))
	})
	return out
}

func (p *Player) sortedTasks(match func(*task) bool) []*task {
	var out []*task
	for _, t := range p.tasks {
		if match(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y *task) int {
		return cmp.Or(cmp.Compare(x.role, y.role), cmp.Compare(x.agent, y.agent), cmp.Compare(x.order, y.order))
	})
	return out
}

func (p *Player) sortedInverses(match func(*inverse) bool) []*inverse {
	var out []*inverse
	for _, x := range p.inverse {
		if match(x) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(x, y *inverse) int {
		return cmp.Or(cmp.Compare(len(x.name), len(y.name)), cmp.Compare(x.name, y.name))
	})
	return out
}

// takeBack recovers offers without filter, as the master does when it rescinds.
func (p *Player) takeBack(match func(*offer) bool) error {
	for _, o := range p.sortedOffers(match) {
		delete(p.offers, o.name)
		if err := p.target.RecoverResources(p.Now, o.framework, o.agent, o.res, nil, false); err != nil {
			return err
		}
	}
	return nil
}

// takeBackInverse answers inverse offers with "none".
func (p *Player) takeBackInverse(match func(*inverse) bool) error {
	for _, x := range p.sortedInverses(match) {
		delete(p.inverse, x.name)
		if err := p.target.UpdateInverseOffer(p.Now, x.agent, x.framework, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// filterOf reads filter=; absent is what missing says.
func filterOf(w words, missing *cycle.Filter) (*cycle.Filter, error) {
	text, ok := w.named["filter"]
	switch {
	case !ok:
		return missing, nil
	case text == "-":
		return nil, nil
	}
	secs, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // too large: infinite
		return nil, err
	}
	return &cycle.Filter{RefuseSeconds: secs}, nil
}

func defaultFilter() *cycle.Filter { return &cycle.Filter{RefuseSeconds: 5} }

func unavailability(text string) (*mesos.Unavailability, error) {
	parts := list(text)
	start, err := strconv.ParseFloat(parts[0], 64)
	if err != nil {
		return nil, err
	}
	nanos := int64(start * nanosPerSecond)
	u := &mesos.Unavailability{Start: &mesos.TimeInfo{Nanoseconds: &nanos}}
	if len(parts) > 1 {
		long, err := strconv.ParseFloat(parts[1], 64)
		if err != nil {
			return nil, err
		}
		n := int64(long * nanosPerSecond)
		u.Duration = &mesos.DurationInfo{Nanoseconds: &n}
	}
	return u, nil
}

// Restart replaces the allocator by one restored from its snapshot, with another
// number of shards.
func (p *Player) Restart(shards int) error {
	o := p.options
	o.Shards = shards
	a, err := cycle.Restore(o, p.Allocator.Snapshot())
	if err == nil {
		p.use(a)
	}
	return err
}
