package core

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// Two clusters are given the same random commands. Now and then the second one's
// allocator is restarted from its store, half of the times after a loss of power, while
// in the first one every stream and every link breaks. Then all agents and
// frameworks come back to both.
//
// Offers and refusals are void after that by rule, in both: their offers are
// withdrawn and their filters forgotten. Hints of REQUEST and answers to inverse
// offers are not in these histories. How often a framework or role was served, which
// decides between equal shares, is counted anew by a new process, so the counts of the
// first cluster are given to the second. Everything else must be the same without
// help: quotas, weights, reservations, what every framework holds where and in which
// role, suppressed roles, deactivated agents; and so every later offer must be
// the same, to the same framework, at the same time.
//
// CAPROCK_RESTARTS is how many histories (15), CAPROCK_SEED the first seed (1).
func TestARestartedClusterOffersTheSame(t *testing.T) {
	count, seed := twinNumber(t, "CAPROCK_RESTARTS", 15), twinNumber(t, "CAPROCK_SEED", 1)
	t.Logf("%d histories from seed %d", count, seed)
	restarts, offers := 0, 0
	for i := range count {
		p := newTwins(t, uint64(seed+i))
		p.run(60)
		restarts, offers = restarts+p.restarts, offers+p.offers
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed+i, strings.Join(p.lines, "\n"))
		}
	}
	t.Logf("%d restarts, %d offers", restarts, offers)
	if count >= 15 && (restarts < count || offers < 20*count) {
		t.Errorf("%d restarts and %d offers in %d histories prove little", restarts, offers, count)
	}
}

func twinNumber(t *testing.T, name string, missing int) int {
	text := os.Getenv(name)
	if text == "" {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return n
}

// twins are the cluster that is not restarted and the one that is.
type twins struct {
	t        *testing.T
	rng      *rand.Rand
	a, b     *history
	told     [2][]string // offers and rescinds of the line being executed
	lines    []string
	restarts int
	offers   int
}

// frameworks of every history, as they subscribe.
var twinFrameworks = []string{
	"f1 roles=r failover=1000000",
	"f2 roles=r,s failover=1000000",
	"f3 roles=r/x,s failover=1000000",
	"f4 caps= failover=1000000",
}

var twinAgents = []string{
	"a1 cpus:8;mem:1024;disk:512",
	"a2 cpus:4;mem:512;ports:[31000-31010]",
	"a3 cpus(s):2;mem(s):256;cpus:1;mem:128",
	"a4 cpus:16;mem:2048",
	"a5 cpus:0.5;mem:100;disk(r):64",
}

func newTwins(t *testing.T, seed uint64) *twins {
	p := &twins{t: t, rng: rand.New(rand.NewPCG(seed, 11))}
	for i, shards := range []int{16, []int{1, 4, 64}[seed%3]} {
		h := &history{world: newWorld(t), rng: p.rng, launched: map[string]int{},
			onAgent: map[string]map[string]string{}, seen: map[string]uint64{}}
		h.quiet = true
		h.opts.Shards, h.opts.Seed = shards, seed
		if seed%4 == 0 {
			h.opts.QuotaScope = cycle.Role
		}
		h.journal = map[string][]byte{}
		if i == 1 {
			h.durable = newDurable(t)
		}
		h.start()
		h.onStep = func() { h.hear(); p.told[i] = append(p.told[i], h.offersTold()...) }
		if i == 0 {
			p.a = h
		} else {
			p.b = h
		}
	}
	return p
}

// offersTold lists the offers among the effects of a step, without their ids.
func (h *history) offersTold() []string {
	var told []string
	for _, e := range h.out.Effects {
		e, ok := e.(*Event)
		if !ok {
			continue
		}
		f := h.streams[e.Stream].name
		switch e.Event.GetType() {
		case scheduler.Event_OFFERS:
			for _, o := range e.Event.GetOffers().GetOffers() {
				res, err := resource.FromProto(o.Resources)
				if err != nil {
					h.t.Fatal(err)
				}
				told = append(told, fmt.Sprintf("+%ds %s in %s: %s %s", (h.now.Wall-epoch)/1e9, f,
					o.GetAllocationInfo().GetRole(), o.AgentId.GetValue(), notation.Format(res.Unallocate())))
			}
		case scheduler.Event_RESCIND:
			told = append(told, fmt.Sprintf("+%ds %s: rescind", (h.now.Wall-epoch)/1e9, f))
		}
	}
	slices.Sort(told)
	return told
}

// do gives one line to both and compares what they offer.
func (p *twins) do(line string) {
	if p.t.Failed() {
		return
	}
	p.lines = append(p.lines, line)
	p.told = [2][]string{}
	for _, h := range []*history{p.a, p.b} {
		h.lines = nil
		if name, ok := strings.CutPrefix(line, "accept "); ok { // of the first offer
			f := h.frameworks[name[:2]]
			defer f.dropOffer(f.offers[0])
		}
		h.do(line)
	}
	p.offers += len(p.told[0])
	if !slices.Equal(p.told[0], p.told[1]) {
		p.t.Errorf("%s\nwithout restart:\n  %s\nwith restart:\n  %s", line, strings.Join(p.told[0], "\n  "), strings.Join(p.told[1], "\n  "))
	}
}

func (p *twins) run(steps int) {
	defer p.b.durable.close()
	for _, f := range twinFrameworks {
		p.do("subscribe " + f)
	}
	for _, a := range twinAgents {
		p.do("agent " + a)
	}
	for range steps {
		if p.rng.IntN(18) == 0 {
			p.restart()
		} else if line := p.next(); line != "" {
			if strings.Contains(line, "UPDATE_QUOTA") || strings.Contains(line, "RESERVE_RESOURCES") {
				p.declineAll()
			}
			p.do(line)
		}
		if p.t.Failed() {
			return
		}
	}
	p.restart()
	p.do("tick 10s")
}

// declineAll leaves no offer open: which ones an operator's call takes back goes by
// their ids, and those differ.
func (p *twins) declineAll() {
	for _, name := range sortedKeys(p.a.frameworks) {
		if len(p.a.frameworks[name].offers) > 0 {
			p.do("decline " + name + " refuse=0")
		}
	}
}

func (p *twins) next() string {
	f := p.a.frameworks[fmt.Sprintf("f%d", 1+p.rng.IntN(4))]
	a := p.a.agents[fmt.Sprintf("a%d", 1+p.rng.IntN(5))]
	oneRole := func() string {
		roles := strings.Split(strings.TrimPrefix(strings.Fields(twinFrameworks[f.name[1]-'1'])[1], "roles="), ",")
		if f.name == "f4" || p.rng.IntN(2) == 0 {
			return ""
		}
		return " " + pick(p.a, roles)
	}
	switch p.rng.IntN(16) {
	case 0, 1, 2:
		if len(f.offers) == 0 {
			return ""
		}
		p.a.tasks++
		return fmt.Sprintf("launch %s t%d cpus:%v;mem:32 refuse=%d", f.name, p.a.tasks, []float64{0.5, 1, 2}[p.rng.IntN(3)], p.rng.IntN(8))
	case 3, 4:
		if len(f.offers) == 0 {
			return ""
		}
		return fmt.Sprintf("decline %s refuse=%d", f.name, p.rng.IntN(8))
	case 5, 6:
		return p.a.nextUpdate(a)
	case 7:
		return p.a.nextAck(a)
	case 8:
		return pick(p.a, []string{"revive ", "revive ", "suppress "}) + f.name + oneRole()
	case 9, 10, 11:
		return "tick " + pick(p.a, []string{"1s", "2s", "3s", "6s"})
	case 12:
		return fmt.Sprintf(`operator {"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"%s","weight":%d}]}}`,
			pick(p.a, []string{"r", "s", "r/x", "*"}), 1+p.rng.IntN(4))
	case 13:
		return fmt.Sprintf(`operator {"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"%s",%s}]}}`,
			pick(p.a, []string{"r", "s"}), pick(p.a, []string{
				`"limits":{"cpus":{"value":6}}`, `"limits":{"cpus":{"value":3},"mem":{"value":900}}`, `"guarantees":{"cpus":{"value":4}}`,
				`"guarantees":{"mem":{"value":300}},"limits":{"mem":{"value":1200}}`, `"guarantees":{}`,
			}))
	case 14:
		return p.nextOnAgent(a)
	default:
		return p.nextReservation(f)
	}
}

// nextOnAgent is an operator's call about an agent.
func (p *twins) nextOnAgent(a *worldAgent) string {
	id := fmt.Sprintf(`"agent_id":{"value":"%s"}`, a.id)
	res := `"resources":[{"name":"mem","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"s"}]}]`
	switch p.rng.IntN(6) {
	case 0:
		return fmt.Sprintf(`operator {"type":"DEACTIVATE_AGENT","deactivate_agent":{%s}}`, id)
	case 1, 2, 3:
		return fmt.Sprintf(`operator {"type":"REACTIVATE_AGENT","reactivate_agent":{%s}}`, id)
	case 4:
		return fmt.Sprintf(`operator {"type":"RESERVE_RESOURCES","reserve_resources":{%s,%s}}`, id, res)
	default:
		return fmt.Sprintf(`operator {"type":"UNRESERVE_RESOURCES","unreserve_resources":{%s,%s}}`, id, res)
	}
}

// nextReservation reserves or unreserves part of an offer.
func (p *twins) nextReservation(f *worldFramework) string {
	if len(f.offers) == 0 || f.name == "f4" {
		return ""
	}
	role := p.a.core.offer(f.offers[0]).Role()
	op := pick(p.a, []string{"RESERVE", "UNRESERVE"})
	return fmt.Sprintf(`accept %s {"offer_ids":[{"value":"$%s.o1"}],"operations":[{"type":"%s","%s":{"resources":[`+
		`{"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"reservations":[{"type":"DYNAMIC","role":"%s"}]}]}}],"filters":{"refuse_seconds":%d}}`,
		f.name, f.name, op, strings.ToLower(op), role, p.rng.IntN(4))
}

// restart restarts the second cluster's allocator, breaks everything in the first one, and
// lets all come back to both.
func (p *twins) restart() {
	p.restarts++
	p.lines = append(p.lines, "restart")
	for _, f := range p.a.frameworks {
		if f.stream != 0 {
			p.a.do("close " + f.name)
		}
	}
	for _, name := range sortedKeys(p.a.agents) {
		p.a.do("disconnect " + name)
	}
	if p.rng.IntN(2) == 0 {
		p.b.durable.reopen(p.rng.Uint64() | 1)
	} else {
		p.b.durable.reopen(0)
	}
	if loaded := p.b.durable.load(); !maps.EqualFunc(loaded, p.b.journal, slices.Equal) {
		p.t.Fatalf("the store holds %d records, %d were acknowledged, or they differ", len(loaded), len(p.b.journal))
	}
	p.b.do("restart")
	for _, name := range sortedKeys(p.a.agents) {
		p.b.agents[name].applied = p.b.seen[name]
		p.do(p.a.nextReregister(p.a.agents[name]))
	}
	p.sameCounts()
	if x, y := p.a.core.engine.remembered(), p.b.core.engine.remembered(); x != y {
		p.t.Errorf("without restart the engine knows\n%s\nwith restart\n%s", x, y)
	}
	for _, f := range twinFrameworks {
		name, _, _ := strings.Cut(f, " ")
		rec := p.a.core.frameworks[p.a.frameworks[name].id].cur.Rec
		p.do("subscribe " + f + " suppressed=" + strings.Join(rec.SuppressedRoles, ","))
	}
}

// sameCounts gives the second cluster the first one's counts of services.
func (p *twins) sameCounts() {
	from, to := p.a.core.engine.a.Snapshot(), p.b.core.engine.a.Snapshot()
	counts := map[string]uint64{}
	for _, n := range from.Order {
		counts[n.Path] = n.Count
	}
	for _, f := range from.Frameworks {
		for _, c := range f.Claims {
			counts[f.Framework.ID+" in "+c.Role] = c.Count
		}
	}
	for i := range to.Order {
		to.Order[i].Count = counts[to.Order[i].Path]
	}
	for _, f := range to.Frameworks {
		for i := range f.Claims {
			f.Claims[i].Count = counts[f.Framework.ID+" in "+f.Claims[i].Role]
		}
	}
	options, err := engineOptions(&p.b.opts)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.b.core.engine.a, err = cycle.Restore(options, to); err != nil {
		p.t.Fatal(err)
	}
}

// remembered is all that a restart must not change, as text.
func (e *engine) remembered() string {
	var b strings.Builder
	s := e.a.Snapshot()
	fmt.Fprintf(&b, "paused %t\n", s.Paused)
	for _, r := range s.Roles {
		fmt.Fprintf(&b, "role %s: weight %v, guarantee %v, limit %v\n", r.Name, r.Weight, r.Quota.Guarantee, r.Quota.Limit)
	}
	for _, f := range s.Frameworks {
		fmt.Fprintf(&b, "framework %s: %q caps %v active %t\n", f.Framework.ID, f.Framework.Roles, f.Framework.Capabilities, f.Active)
		for _, c := range f.Claims {
			fmt.Fprintf(&b, "  in %s: tracked %t subscribed %t suppressed %t in order %t, %d refusals\n",
				c.Role, c.Tracked, c.Subscribed, c.Suppressed, c.InOrder, len(c.Filters))
		}
	}
	slices.SortFunc(s.Agents, func(x, y cycle.AgentState) int { return strings.Compare(x.Agent.ID, y.Agent.ID) })
	for _, a := range s.Agents {
		slices.SortFunc(a.Uses, func(x, y cycle.UseState) int { return strings.Compare(x.Role, y.Role) })
		fmt.Fprintf(&b, "agent %s: %s deactivated %t uses %v\n", a.Agent.ID, notation.Format(a.Agent.Total), a.Deactivated, a.Uses)
		held := []string{}
		for _, h := range a.Held {
			held = append(held, fmt.Sprintf("  %s in %s: %s %t\n", h.Framework, h.Role, notation.Format(h.Resources), h.Tracked))
		}
		slices.Sort(held)
		b.WriteString(strings.Join(held, ""))
	}
	return b.String()
}
