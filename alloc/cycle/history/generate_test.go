package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/cycle/history"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// generator makes up commands that make sense for what a player has seen.
type generator struct {
	rng        *rand.Rand
	p          *history.Player
	frameworks map[string][]string // roles
	inactive   map[string]bool
	agents     map[string]bool
	parked     map[string]bool // deactivated agents
	windows    map[string]bool
	tasks      int
	volumes    int
	domain     bool
	nested     bool   // nested roles may have guarantees
	on         string // agent of the offer being accepted
}

func newGenerator(rng *rand.Rand, p *history.Player) *generator {
	return &generator{rng: rng, p: p, frameworks: map[string][]string{}, inactive: map[string]bool{},
		agents: map[string]bool{}, parked: map[string]bool{}, windows: map[string]bool{}}
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.rng.IntN(len(from))] }

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var (
	roleNames = []string{"a", "b", "c", "a/x", "a/y", "a/x/1", "b/x", "*"}
	topRoles  = []string{"a", "b", "c", "*"}
	capNames  = []string{"RESERVATION_REFINEMENT", "REVOCABLE_RESOURCES", "SHARED_RESOURCES", "GPU_RESOURCES", "REGION_AWARE"}
	filters   = []string{"-", "0", "1", "2", "3.5", "10", "-1", "60", "nan", "inf", "-inf", "1e-10", "0.0004", "31536000", "31536001"}
)

// options is the first command.
func (g *generator) options() string {
	w := []string{"options"}
	switch g.rng.IntN(4) {
	case 0:
		w = append(w, "min=none")
	case 1:
		w = append(w, "min=cpus:1|mem:512")
	}
	if g.chance(20) {
		w = append(w, "exclude="+pick(g, []string{"cpus", "gpus,disk", "mem"}))
	}
	if g.chance(15) {
		w = append(w, "filter_gpu=false")
	}
	if g.domain = g.chance(30); g.domain {
		w = append(w, "domain=r1/z1")
	}
	if g.chance(25) {
		w = append(w, "interval="+pick(g, []string{"3", "0.5", "2.5"}))
	}
	if g.chance(25) {
		w = append(w, "recovery_timeout="+pick(g, []string{"1", "2", "3", "0.5", "7"}))
	}
	if g.chance(25) {
		w = append(w, "recovery_factor="+pick(g, []string{"1", "0.5", "0.01"}))
	}
	return strings.Join(w, " ")
}

// recover is the second command of histories of a restarted master.
func (g *generator) recover() string {
	return fmt.Sprintf("recover %d %s", g.rng.IntN(5), pick(g, []string{
		`{}`, `{"a":{"guarantee":"cpus:2;mem:100"}}`, `{"b":{"limit":"cpus:4"},"c":{"guarantee":"mem:256","limit":"mem:700"}}`,
	}))
}

// command makes up the next command.
func (g *generator) command() string {
	for {
		if c := g.attempt(); c != "" {
			return c
		}
	}
}

func (g *generator) attempt() string {
	makers := []struct {
		weight int
		do     func() string
	}{
		{12, g.tick}, {6, g.addAgent}, {4, g.addFramework}, {14, g.decline}, {10, g.accept}, {8, g.finish},
		{3, g.updateAgent}, {2, g.removeAgent}, {1, g.parkAgent}, {2, g.updateFramework}, {1, g.removeFramework},
		{2, g.switchFramework}, {3, g.suppress}, {4, g.revive}, {2, g.weights}, {5, g.quota}, {2, g.whitelist},
		{2, g.available}, {1, g.unavailable}, {2, g.inverse}, {1, g.provider}, {1, g.jump},
	}
	sum := 0
	for _, m := range makers {
		sum += m.weight
	}
	n := g.rng.IntN(sum)
	for _, m := range makers {
		if n -= m.weight; n < 0 {
			return m.do()
		}
	}
	return ""
}

func (g *generator) tick() string { return "tick " + pick(g, []string{"1", "1", "2", "3", "5", "0.5"}) }

func (g *generator) jump() string { return "jump " + pick(g, []string{"1", "4", "20"}) }

func (g *generator) amount() string {
	return pick(g, []string{"0.1", "0.5", "1", "2", "4", "8", "0.3", "1.5"})
}

func (g *generator) size() string {
	return pick(g, []string{"10", "32", "64.1", "128", "256", "512", "1024", "511.9"})
}

func (g *generator) resources() string {
	w := []string{"cpus:" + g.amount(), "mem:" + g.size()}
	for _, more := range []func() string{
		func() string { return "disk:" + g.size() },
		func() string { return fmt.Sprintf("ports:[31000-310%02d]", 10+g.rng.IntN(20)) },
		func() string { return "cpus(s:" + pick(g, roleNames[:7]) + "):" + g.amount() },
		func() string { return "mem(d:" + pick(g, roleNames[:7]) + "!p):" + g.size() },
		func() string { return "cpus{rev}:" + g.amount() },
		func() string { return "disk{mount=/m1}:" + g.size() },
		func() string { return "disk{path=/p1}:" + g.size() },
		func() string { return "gpus:" + pick(g, []string{"1", "2"}) },
		func() string { return "tokens:" + g.amount() },
		func() string { return "nics:{e0,e1}" },
		func() string { return "disk(d:" + pick(g, roleNames[:7]) + "!p){vol=w1@data,shared}:20" },
		func() string { return "ports(s:" + pick(g, roleNames[:7]) + "):[40000-40009]" },
		func() string { return "disk(d:a!p):" + g.size() },
	} {
		if g.chance(22) {
			w = append(w, more())
		}
	}
	return strings.Join(w, ";")
}

func (g *generator) attributes() string {
	if g.chance(15) {
		return pick(g, []string{"rack:r1;rack:r1;level:1", "rack:r1;level:1;level:1", "rack:r1;rack:r2", "rack:r2;rack:r1", "level:[1-3];rack:5",
			"level:[1-2,3-3];rack:5.0001"})
	}
	return fmt.Sprintf("rack:r%d;level:%d;kind:%s", g.rng.IntN(3), g.rng.IntN(2), pick(g, []string{"ssd", "hdd", "5"}))
}

func (g *generator) agentWords(w []string) []string {
	if g.chance(50) {
		w = append(w, "attrs="+g.attributes())
	}
	if g.domain && g.chance(40) {
		w = append(w, "domain="+pick(g, []string{"r1/z1", "r1/z2", "r2/z1"}))
	}
	if g.chance(8) {
		w = append(w, "caps="+pick(g, []string{"", "MULTI_ROLE", "MULTI_ROLE,HIERARCHICAL_ROLE",
			"MULTI_ROLE,HIERARCHICAL_ROLE,RESIZE_VOLUME", "MULTI_ROLE,HIERARCHICAL_ROLE,AGENT_DRAINING"}))
	}
	return w
}

func (g *generator) addAgent() string {
	if len(g.agents) >= 5 {
		return ""
	}
	id := fmt.Sprintf("a%d", 1+g.rng.IntN(8))
	if g.agents[id] {
		return ""
	}
	g.agents[id] = true
	w := g.agentWords([]string{"agent", id, "res=" + g.resources()})
	if g.chance(5) {
		w = append(w, "unavailable=100,60")
		g.windows[id] = true
	}
	if g.chance(15) {
		g.tasks++
		w = append(w, fmt.Sprintf(`used={"u%d":["f%d","%s","cpus:0.1;mem:10"]}`, g.tasks, 1+g.rng.IntN(6), pick(g, roleNames)))
		if !strings.Contains(w[2], "cpus") {
			return ""
		}
	}
	return strings.Join(w, " ")
}

func (g *generator) provider() string {
	if g.agent() == "" {
		return ""
	}
	return "provider " + g.agent() + " res=" + g.resources()
}

func (g *generator) agent() string {
	if len(g.agents) == 0 {
		return ""
	}
	return pick(g, keys(g.agents))
}

func (g *generator) updateAgent() string {
	id := g.agent()
	if id == "" {
		return ""
	}
	w := g.agentWords([]string{"updateagent", id})
	if g.chance(60) {
		w = append(w, "res="+g.resources())
	}
	if g.chance(10) {
		w = append(w, "hostname="+pick(g, []string{"h1", "h2"}))
	}
	return strings.Join(w, " ")
}

func (g *generator) removeAgent() string {
	id := g.agent()
	if id == "" {
		return ""
	}
	delete(g.agents, id)
	delete(g.parked, id)
	delete(g.windows, id)
	return "removeagent " + id
}

func (g *generator) parkAgent() string {
	id := g.agent()
	if id == "" {
		return ""
	}
	if g.parked[id] {
		delete(g.parked, id)
		return "activateagent " + id
	}
	g.parked[id] = true
	return "deactivateagent " + id
}

func (g *generator) someRoles() []string {
	roles := []string{pick(g, roleNames)}
	for g.chance(40) {
		roles = append(roles, pick(g, roleNames))
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

func (g *generator) describe(id string) string {
	roles := g.someRoles()
	g.frameworks[id] = roles
	w := []string{id, "roles=" + strings.Join(roles, ",")}
	caps := []string{"MULTI_ROLE"}
	if g.chance(7) {
		caps = nil
	}
	for _, c := range capNames {
		if g.chance(35) {
			caps = append(caps, c)
		}
	}
	w = append(w, "caps="+strings.Join(caps, ","))
	if g.chance(15) {
		w = append(w, "suppressed="+pick(g, roles))
	}
	if g.chance(10) {
		w = append(w, fmt.Sprintf(`min={"%s":%s}`, pick(g, roles), pick(g, []string{`[]`, `["cpus:1;mem:64"]`, `["cpus:0.5","mem:512"]`, `["ports:5"]`})))
	}
	if g.chance(25) {
		c := pick(g, []string{
			`["rack","text_equals","r1"]`, `["rack","text_not_equals","r1"]`, `["level","exists"]`, `["kind","not_exists"]`,
			`["kind","text_matches","s.*"]`, `["kind","text_not_matches","[sh].d"]`, `["@hostname","text_equals","a1"]`,
			`["@hostname","text_not_matches","a[12]"]`, `["@region","text_equals","r2"]`, `["@zone","text_not_equals","z1"]`,
		})
		w = append(w, fmt.Sprintf(`constraints={"%s":[[%s]]}`, pick(g, roles), c))
	}
	return strings.Join(w, " ")
}

func (g *generator) addFramework() string {
	id := fmt.Sprintf("f%d", 1+g.rng.IntN(6))
	if _, known := g.frameworks[id]; known {
		return ""
	}
	c := "framework " + g.describe(id)
	delete(g.inactive, id)
	if g.chance(10) {
		g.inactive[id] = true
		c += " active=false"
	}
	return c
}

func (g *generator) framework() string {
	if len(g.frameworks) == 0 {
		return ""
	}
	return pick(g, keys(g.frameworks))
}

func (g *generator) updateFramework() string {
	id := g.framework()
	if id == "" {
		return ""
	}
	return "updateframework " + g.describe(id)
}

func (g *generator) removeFramework() string {
	id := g.framework()
	if id == "" {
		return ""
	}
	delete(g.frameworks, id)
	return "removeframework " + id
}

func (g *generator) switchFramework() string {
	id := g.framework()
	switch {
	case id == "":
		return ""
	case g.inactive[id]:
		delete(g.inactive, id)
		return "activate " + id
	}
	g.inactive[id] = true
	return "deactivate " + id
}

func (g *generator) inRoles(verb string) string {
	id := g.framework()
	if id == "" {
		return ""
	}
	if g.chance(50) {
		return verb + " " + id
	}
	return verb + " " + id + " roles=" + pick(g, g.frameworks[id])
}

func (g *generator) suppress() string { return g.inRoles("suppress") }
func (g *generator) revive() string   { return g.inRoles("revive") }

func (g *generator) weights() string {
	return fmt.Sprintf("weights %s:%s", pick(g, roleNames), pick(g, []string{"2", "0.5", "3", "1"}))
}

func (g *generator) quota() string {
	role := pick(g, topRoles)
	if g.chance(30) {
		return "removequota " + role
	}
	c := "quota " + role
	limit := ""
	if g.chance(60) {
		limit = pick(g, []string{"cpus:2;mem:1024", "cpus:0", "mem:600", "cpus:4;disk:100", "cpus:1.5;mem:300;tokens:1"})
	}
	if g.chance(60) {
		c += " guarantee=" + pick(g, []string{"cpus:1;mem:256", "cpus:2", "mem:700", "disk:64", "gpus:1", "cpus:0.5;mem:100"})
	}
	if limit != "" {
		c += " limit=" + limit
	}
	if g.nested && g.chance(10) { // refused by the master, known to its allocator
		c = "quota " + pick(g, []string{"a/x", "b/x"}) + " guarantee=cpus:1"
	}
	return c
}

func (g *generator) whitelist() string {
	switch id := g.agent(); {
	case id == "" || g.chance(60):
		return "whitelist *"
	case g.chance(10):
		return "whitelist"
	default:
		return "whitelist " + id
	}
}

func (g *generator) decline() string {
	offers := g.p.Offers()
	if len(offers) == 0 {
		return ""
	}
	c := "decline " + pick(g, offers).Name
	if g.chance(85) {
		c += " filter=" + pick(g, filters)
	}
	return c
}

// part returns a random part of resources, nothing perhaps.
func (g *generator) part(rs resource.Resources) resource.Resources {
	var out resource.Resources
	for _, x := range rs {
		if g.chance(45) {
			continue
		}
		switch {
		case x.Type() == mesos.Value_SCALAR && !x.IsExclusive() && x.ScalarMilli() > 200 && g.chance(60):
			x = x.WithScalarMilli(x.ScalarMilli() / 2 / 100 * 100)
		case x.IsShared():
			x = resource.ScalarOf(x.Kind, x.ScalarMilli())
		}
		out = out.Plus(resource.Of(x))
	}
	return out
}

func (g *generator) accept() string {
	offers := g.p.Offers()
	if len(offers) == 0 {
		return ""
	}
	o := pick(g, offers)
	w := []string{"accept", o.Name}
	left := o.Resources
	if g.chance(50) {
		g.on = o.Agent
		op, after := g.operation(o.Role, left)
		if op != "" {
			w = append(w, "ops=["+op+"]")
			left = after
		}
	}
	if g.chance(70) {
		if used := g.part(left); !used.IsEmpty() {
			g.tasks++
			w = append(w, fmt.Sprintf("task=t%d:%s", g.tasks, notation.Format(used.Unallocate())))
		}
	}
	if g.chance(85) {
		w = append(w, "filter="+pick(g, filters))
	}
	return strings.Join(w, " ")
}

// operation makes up an operation on one entry and says what is there after it.
func (g *generator) operation(role string, rs resource.Resources) (string, resource.Resources) {
	x := pick(g, rs)
	one := resource.Of(x).Unallocate()
	top := x.ReservationRole()
	switch {
	case x.IsRevocable() || x.IsShared() || x.IsPersistentVolume():
		if x.IsPersistentVolume() && !x.IsShared() {
			return g.checked("destroy", role, rs, one)
		}
	case x.Type() == mesos.Value_SCALAR && x.Name() == "disk" && x.Disk() == nil && top != "" && g.chance(50):
		g.volumes++
		text := notation.Format(one)
		at := strings.LastIndexByte(text, ':')
		shared := ""
		if g.chance(30) {
			shared = ",shared"
		}
		volume, err := notation.Parse(fmt.Sprintf("%s{vol=v%d@data%s}%s", text[:at], g.volumes, shared, text[at:]))
		if err == nil {
			return g.checked("create", role, rs, volume)
		}
	case x.IsDynamicallyReserved() && g.chance(50):
		return g.checked("unreserve", role, rs, one)
	case role != "*" && x.Type() == mesos.Value_SCALAR:
		if x.ScalarMilli() > 400 && g.chance(50) && !x.IsExclusive() {
			one = resource.Of(x.WithScalarMilli(x.ScalarMilli() / 2)).Unallocate()
		}
		kind := mesos.Resource_ReservationInfo_DYNAMIC
		principal := "p"
		pushed, err := one.PushReservation(&mesos.Resource_ReservationInfo{Type: &kind, Role: &role, Principal: &principal})
		if err == nil {
			return g.checked("reserve", role, rs, pushed)
		}
	}
	return "", rs
}

func (g *generator) checked(kind, role string, rs, res resource.Resources) (string, resource.Resources) {
	op := fmt.Sprintf(`["%s","%s"]`, kind, notation.Format(res))
	conv, err := history.Operations("["+op+"]", role)
	if err != nil {
		return "", rs
	}
	after, err := rs.Apply(conv)
	if err != nil {
		return "", rs
	}
	plain := make([]resource.Conversion, len(conv))
	for i, c := range conv {
		plain[i] = c.Unallocate()
	}
	if _, err := g.p.Allocator.AgentTotal(g.on).Apply(plain); err != nil {
		return "", rs // the total changed under the offer: Mesos aborts
	}
	return op, after
}

func (g *generator) finish() string {
	tasks := g.p.Tasks()
	if len(tasks) == 0 {
		return ""
	}
	t := pick(g, tasks)
	if _, known := g.frameworks[t.Framework]; !known {
		return "" // what it holds is lost track of in Mesos
	}
	c := "finish " + t.Name
	if g.chance(25) {
		if part := g.part(t.Resources); !part.IsEmpty() {
			c += " res=" + notation.Format(part.Unallocate())
		}
	}
	if g.chance(15) {
		c += " filter=" + pick(g, filters)
	}
	return c
}

func (g *generator) available() string {
	id := g.agent()
	if id == "" {
		return ""
	}
	role := pick(g, roleNames[:7])
	return fmt.Sprintf(`available %s ops=[["%s","%s(d:%s!p):%s"]]`, id, pick(g, []string{"reserve", "unreserve"}),
		pick(g, []string{"cpus", "mem", "disk"}), role, pick(g, []string{"0.1", "1", "10"}))
}

func (g *generator) unavailable() string {
	id := g.agent()
	if id == "" {
		return ""
	}
	if g.windows[id] {
		delete(g.windows, id)
		return "unavailable " + id
	}
	g.windows[id] = true
	return "unavailable " + id + " 100,60"
}

func (g *generator) inverse() string {
	open := g.p.InverseOffers()
	if len(open) == 0 {
		return ""
	}
	return fmt.Sprintf("inverse %s %s filter=%s", pick(g, open).Name, pick(g, []string{"accept", "decline", "none"}), pick(g, []string{"-", "0", "3.2", "nan", "inf"}))
}
