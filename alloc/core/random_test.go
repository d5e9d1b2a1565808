package core

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/resource"
)

var (
	randomSeed  = flag.Uint64("seed", 0, "run only this random history")
	randomSteps = flag.Int("steps", 120, "steps of a random history")
)

// TestRandomHistories runs random commands and holds the state against its
// invariants after each, and against a reload of its records. A failing history
// is printed as a scenario.
func TestRandomHistories(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 10
	}
	first := uint64(1)
	if *randomSeed != 0 {
		first, seeds = *randomSeed, *randomSeed
	}
	for seed := first; seed <= seeds; seed++ {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { runRandom(t, seed, *randomSteps) }) {
			return
		}
	}
}

// history is a random run: who exists, what was said.
type history struct {
	*world
	rng   *rand.Rand
	lines []string
	tasks int
	uuids int
	// launched counts how often an agent was told to launch a task.
	launched map[string]int
	onAgent  map[string]map[string]string // agent → fw/task → state, what agents run
	seen     map[string]uint64            // agent → highest number seen
}

func runRandom(t *testing.T, seed uint64, steps int) {
	h := &history{world: newWorld(t), rng: rand.New(rand.NewPCG(seed, 7)), launched: map[string]int{},
		onAgent: map[string]map[string]string{}, seen: map[string]uint64{}}
	h.onStep = h.hear
	defer func() {
		if t.Failed() {
			t.Logf("history of seed %d:\n%s", seed, strings.Join(h.lines, "\n"))
		}
	}()
	if seed%2 == 0 {
		h.do("options removal_interval=3m")
	}
	h.do("subscribe f1 roles=r failover=100")
	h.do("subscribe f2 roles=r,s caps=MULTI_ROLE failover=50")
	h.do("subscribe f3 caps= failover=0")
	h.do("agent a1 cpus:8;mem:1024;disk:512")
	h.do("agent a2 cpus:4;mem:512;ports:[31000-31010]")
	for range steps {
		line := h.next()
		if line == "" {
			continue
		}
		h.do(line)
		h.check()
		if t.Failed() {
			return
		}
	}
}

func (h *history) do(line string) {
	h.lines = append(h.lines, line)
	out, err := h.execute(line)
	if err != nil {
		h.t.Fatalf("%s: %v", line, err)
	}
	if *randomSeed != 0 && testing.Verbose() {
		fmt.Printf("%s\n%s", line, out)
	}
}

// hear plays the agents: launches start tasks, acknowledged ends remove them.
func (h *history) hear() {
	for _, e := range h.out.Effects {
		down, ok := e.(*Down)
		if !ok {
			continue
		}
		a := h.channels[down.Channel]
		if a == nil {
			continue
		}
		seq := down.Down.GetSeq()
		if seq != 0 {
			if seq <= h.seen[a.name] {
				continue
			}
			if seq != h.seen[a.name]+1 {
				h.t.Errorf("agent %s got frame %d after %d", a.name, seq, h.seen[a.name])
			}
			h.seen[a.name] = seq
		}
		h.play(a, down.Down)
	}
}

func (h *history) nameOf(frameworkID string) string {
	for name, f := range h.frameworks {
		if f.id == frameworkID {
			return name
		}
	}
	return ""
}

func (h *history) play(a *worldAgent, d *link.Down) {
	running := h.onAgent[a.name]
	if running == nil {
		running = map[string]string{}
		h.onAgent[a.name] = running
	}
	switch b := d.Body.(type) {
	case *link.Down_Launch:
		for _, t := range b.Launch.Tasks {
			key := h.nameOf(b.Launch.Framework.Id.GetValue()) + "/" + t.TaskId.GetValue()
			h.launched[key]++
			if h.launched[key] > 1 {
				h.t.Errorf("task %s is launched twice", key)
			}
			running[key] = "TASK_STARTING"
		}
	case *link.Down_ApplyOperation:
		a.register.Total = b.ApplyOperation.Total
	case *link.Down_ShutdownFramework:
		name := h.nameOf(b.ShutdownFramework.FrameworkId.GetValue())
		for key := range running {
			if strings.HasPrefix(key, name+"/") {
				delete(running, key)
			}
		}
	case *link.Down_Acknowledge:
		key := h.nameOf(b.Acknowledge.FrameworkId.GetValue()) + "/" + b.Acknowledge.TaskId.GetValue()
		if s := running[key]; strings.HasSuffix(s, "!") && strings.HasPrefix(string(b.Acknowledge.Uuid), "end") {
			delete(running, key)
		}
	}
}

func pick[T any](h *history, all []T) T { return all[h.rng.IntN(len(all))] }

func (h *history) next() string {
	a := h.agents[pick(h, []string{"a1", "a2"})]
	f := h.frameworks[pick(h, []string{"f1", "f2", "f3"})]
	switch h.rng.IntN(20) {
	case 0, 1, 2, 3:
		if f.stream == 0 || len(f.offers) == 0 {
			return ""
		}
		h.tasks++
		return fmt.Sprintf("launch %s t%d cpus:%d;mem:32 refuse=%d", f.name, h.tasks, 1+h.rng.IntN(3), h.rng.IntN(3))
	case 4:
		if f.stream == 0 || len(f.offers) == 0 {
			return ""
		}
		return fmt.Sprintf("decline %s refuse=%d", f.name, h.rng.IntN(4))
	case 5, 6, 7, 8:
		return h.nextUpdate(a)
	case 9, 10:
		return h.nextAck(a)
	case 11:
		if a.channel == 0 {
			return h.nextReregister(a)
		}
		return "disconnect " + a.name
	case 12, 13:
		if a.channel == 0 {
			return h.nextReregister(a)
		}
		return fmt.Sprintf("applied %s %d", a.name, h.seen[a.name])
	case 14:
		if f.stream == 0 {
			return h.nextSubscribe(f)
		}
		if h.rng.IntN(2) == 0 {
			return "close " + f.name
		}
		return "subscribe " + f.name
	case 15:
		if f.stream == 0 {
			return h.nextSubscribe(f)
		}
		return pick(h, []string{"revive ", "suppress "}) + f.name
	case 16:
		return "tick " + pick(h, []string{"1s", "2s", "6s", "30s", "16s"})
	case 17:
		if h.rng.IntN(4) == 0 {
			return "restart"
		}
		return "tick 700s"
	case 18:
		return h.nextOperator(a)
	default:
		return h.nextOperation(f)
	}
}

func (h *history) nextSubscribe(f *worldFramework) string {
	if c := h.core.completed[f.id]; c != nil {
		f.id, f.info.Id = "", nil // a torn down framework comes back as another one
		for key := range h.launched {
			if strings.HasPrefix(key, f.name+"/") {
				delete(h.launched, key)
			}
		}
		for _, running := range h.onAgent {
			for key := range running {
				if strings.HasPrefix(key, f.name+"/") {
					delete(running, key)
				}
			}
		}
	}
	return "subscribe " + f.name
}

func (h *history) nextUpdate(a *worldAgent) string {
	running := h.onAgent[a.name]
	if a.channel == 0 || len(running) == 0 {
		return ""
	}
	key := pick(h, sortedKeys(running))
	fw, task, _ := strings.Cut(key, "/")
	if h.frameworks[fw] == nil || h.frameworks[fw].id == "" {
		return ""
	}
	h.uuids++
	state, uuid := running[key], fmt.Sprintf("u%d", h.uuids)
	switch {
	case strings.HasSuffix(state, "!"):
		state, uuid = strings.TrimSuffix(state, "!"), "end"
	case h.rng.IntN(3) == 0:
		state, uuid = pick(h, []string{"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"}), "end"
		running[key] = state + "!"
	default:
		running[key] = "TASK_RUNNING"
		state = "TASK_RUNNING"
	}
	return fmt.Sprintf("update %s %s %s %s uuid=%s", a.name, fw, task, state, uuid)
}

// nextAck acknowledges what was last forwarded of some task.
func (h *history) nextAck(a *worldAgent) string {
	as := h.core.agents[a.id]
	if as == nil || len(as.tasks) == 0 {
		return ""
	}
	t := pick(h, as.sortedTasks())
	name := h.nameOf(t.FrameworkID())
	if name == "" || h.frameworks[name].stream == 0 || t.forwardedUUID() == nil {
		return ""
	}
	return fmt.Sprintf("ack %s %s %s %s", name, a.name, t.ID(), printUUID(t.forwardedUUID()))
}

func (h *history) nextReregister(a *worldAgent) string {
	var tasks []string
	for _, key := range sortedKeys(h.onAgent[a.name]) {
		fw, _, _ := strings.Cut(key, "/")
		if h.frameworks[fw] != nil && h.frameworks[fw].id != "" {
			tasks = append(tasks, key+":"+strings.TrimSuffix(h.onAgent[a.name][key], "!"))
		}
	}
	a.applied = h.seen[a.name]
	if as := h.core.agents[a.id]; as == nil || as.cur.Rec.GetPhase() == record.Agent_GONE {
		h.onAgent[a.name], h.seen[a.name] = nil, 0
		return fmt.Sprintf("agent %s cpus:8;mem:1024;disk:512", a.name)
	}
	return fmt.Sprintf("reregister %s instance=i%d tasks=%s", a.name, h.uuids, strings.Join(tasks, ","))
}

func (h *history) nextOperator(a *worldAgent) string {
	if h.core.agents[a.id] == nil {
		return ""
	}
	id := fmt.Sprintf(`"agent_id":{"value":"%s"}`, a.id)
	switch h.rng.IntN(12) {
	case 8, 9:
		if a.channel == 0 || len(h.core.agents[a.id].operations) == 0 {
			return ""
		}
		h.uuids++
		return fmt.Sprintf("operation %s %s uuid=o%d", a.name, pick(h, []string{"OPERATION_FINISHED", "OPERATION_FINISHED", "OPERATION_FAILED"}), h.uuids)
	case 10:
		return fmt.Sprintf(`operator {"type":"RESERVE_RESOURCES","reserve_resources":{%s,"resources":[{"name":"mem","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"ops"}]}]}}`, id)
	case 11:
		return fmt.Sprintf(`operator {"type":"UNRESERVE_RESOURCES","unreserve_resources":{%s,"resources":[{"name":"mem","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"ops"}]}]}}`, id)
	case 0:
		return fmt.Sprintf(`operator {"type":"DEACTIVATE_AGENT","deactivate_agent":{%s}}`, id)
	case 1, 2, 3:
		return fmt.Sprintf(`operator {"type":"REACTIVATE_AGENT","reactivate_agent":{%s}}`, id)
	case 4:
		return fmt.Sprintf(`operator {"type":"DRAIN_AGENT","drain_agent":{%s}}`, id)
	case 5:
		return `operator {"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"r","weight":2.0}]}}`
	case 6:
		return fmt.Sprintf(`operator {"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"s","limits":{"cpus":{"value":%d}}}]}}`, h.rng.IntN(6))
	default:
		if h.rng.IntN(4) > 0 {
			return ""
		}
		return fmt.Sprintf(`operator {"type":"MARK_AGENT_GONE","mark_agent_gone":{%s}}`, id)
	}
}

func (h *history) nextOperation(f *worldFramework) string {
	if f.stream == 0 || len(f.offers) == 0 {
		return ""
	}
	if h.rng.IntN(3) == 0 {
		return "teardown " + f.name
	}
	o := h.core.offer(f.offers[0])
	if o == nil || o.Role() == "*" {
		return ""
	}
	if h.rng.IntN(3) == 0 {
		return h.nextExecutorLaunch(f, o)
	}
	role := o.Role()
	if h.rng.IntN(3) == 0 {
		return h.nextVolume(f, o)
	}
	reserve := fmt.Sprintf(`{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"reservations":[{"type":"DYNAMIC","role":"%s"}]}`, role)
	op := pick(h, []string{"RESERVE", "UNRESERVE"})
	f.offers = f.offers[1:]
	return fmt.Sprintf(`accept %s {"offer_ids":[{"value":"%s"}],"operations":[{"type":"%s","%s":{"resources":[%s]}}],"filters":{"refuse_seconds":0.0}}`,
		f.name, o.ID(), op, strings.ToLower(op), reserve)
}

// nextExecutorLaunch launches a task on a custom executor, or a group.
func (h *history) nextExecutorLaunch(f *worldFramework, o *Offer) string {
	h.tasks++
	id, agent := fmt.Sprintf("t%d", h.tasks), o.AgentID()
	f.offers = f.offers[1:]
	executor := fmt.Sprintf(`{"type":"%%s","executor_id":{"value":"e%d"},"framework_id":{"value":"%s"}%%s,"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}},{"name":"disk","type":"SCALAR","scalar":{"value":1}}]}`, h.rng.IntN(2), f.id)
	res := `{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}`
	if h.rng.IntN(2) == 0 {
		res = string(pick(h, o.Wire.Resources).AppendJSON(nil)) // a volume, say, or all of something
	}
	task := `{"name":"n","task_id":{"value":"%s"},"agent_id":{"value":"` + agent + `"},"resources":[` + res + `]%s}`
	op := ""
	if h.rng.IntN(2) == 0 {
		op = `{"type":"LAUNCH","launch":{"task_infos":[` + fmt.Sprintf(task, id, `,"executor":`+fmt.Sprintf(executor, "CUSTOM", `,"command":{"value":"x"}`)) + `]}}`
	} else {
		op = `{"type":"LAUNCH_GROUP","launch_group":{"executor":` + strings.Replace(fmt.Sprintf(executor, "DEFAULT", ""), `"value":"e`, `"value":"d`, 1) + `,"task_group":{"tasks":[` +
			fmt.Sprintf(task, id, `,"command":{"value":"x"}`) + "," + fmt.Sprintf(task, id+"b", `,"command":{"value":"x"}`) + `]}}}`
	}
	return fmt.Sprintf(`accept %s {"offer_ids":[{"value":"%s"}],"operations":[%s],"filters":{"refuse_seconds":0.0}}`, f.name, o.ID(), op)
}

// nextVolume reserves disk and makes a volume, or destroys one.
func (h *history) nextVolume(f *worldFramework, o *Offer) string {
	f.offers = f.offers[1:]
	disk := fmt.Sprintf(`{"name":"disk","type":"SCALAR","scalar":{"value":8},"reservations":[{"type":"DYNAMIC","role":"%s"}]%%s}`, o.Role())
	vol := fmt.Sprintf(disk, fmt.Sprintf(`,"disk":{"persistence":{"id":"v%d"},"volume":{"container_path":"p","mode":"RW"}}`, h.rng.IntN(3)))
	ops := operation("RESERVE", list("resources", fmt.Sprintf(disk, ""))) + "," + operation("CREATE", list("volumes", vol))
	if h.rng.IntN(2) == 0 {
		ops = operation("DESTROY", list("volumes", vol)) + "," + operation("UNRESERVE", list("resources", fmt.Sprintf(disk, "")))
	}
	return fmt.Sprintf(`accept %s {"offer_ids":[{"value":"%s"}],"operations":[%s],"filters":{"refuse_seconds":0.0}}`, f.name, o.ID(), ops)
}

// check holds the state against its invariants.
func (h *history) check() {
	c := h.core
	var want resource.Quantities
	for _, a := range c.agents {
		if !a.cur.Connected && len(a.offers) > 0 {
			h.t.Errorf("agent %s is away and is offered", a.id())
		}
		if !c.engine.admitted[a.id()] {
			if len(a.offers) > 0 {
				h.t.Errorf("agent %s is not in the cluster and is offered", a.id())
			}
			continue
		}
		held := c.usedResources(a)
		for _, o := range a.offers {
			held = held.Plus(o.res.Unallocate())
		}
		if !a.cur.total.Contains(held) {
			h.t.Errorf("agent %s has %v, and %v is offered or used", a.id(), a.cur.total, held)
		}
		free := a.cur.total.Minus(held).Unreserved().NonRevocable().Scalars()
		want = want.Plus(free.Filter(func(r resource.Resource) bool { return r.Disk() == nil }).CreateStrippedScalarQuantity())
	}
	if got := c.engine.free(); !got.Equal(want) {
		h.t.Errorf("the engine has %v available, by the core's books it is %v", got, want)
	}
	live := map[*offerBatch]int{}
	for number, o := range c.offers {
		live[o.batch]++
		f := c.frameworks[o.FrameworkID()]
		if o.number != number || c.offer(o.ID()) != o || f == nil || f.offers[o.at] != o || !slices.Contains(c.agents[o.AgentID()].offers, o) {
			h.t.Errorf("offer %s is number %d and not where it belongs", o.ID(), number)
		}
	}
	for number, a := range c.engine.byNumber {
		if a != nil && (c.agents[a.id()] != a || !c.engine.admitted[a.id()]) {
			h.t.Errorf("agent %s has number %d and is not known", a.id(), number)
		}
	}
	for id := range c.engine.admitted {
		if n, ok := c.engine.a.AgentNumber(id); !ok || c.engine.byNumber[n] != c.agents[id] {
			h.t.Errorf("agent %s is not under its number", id)
		}
	}
	for first, b := range c.batches {
		if b.live != live[b] || b.live == 0 {
			h.t.Errorf("batch %d counts %d offers, %d are outstanding", first, b.live, live[b])
		}
	}
	if len(live) != len(c.batches) {
		h.t.Errorf("offers are of %d batches, %d are kept", len(live), len(c.batches))
	}
	for _, f := range c.frameworks {
		if !f.cur.Connected && len(f.offers) > 0 {
			h.t.Errorf("framework %s is disconnected and holds offers", f.id())
		}
		for _, t := range f.tasks {
			a := c.agents[t.AgentID()]
			if a == nil || !slices.Contains(a.tasks, t) || !slices.IsSortedFunc(a.tasks, func(x, y *Task) int { return compareTaskKeys(x.key(), y.key()) }) {
				h.t.Errorf("task %s is not in its place on its agent", t.ID())
			} else if a.registered() && t.Unreachable() && a.cur.Connected && !t.terminal() && h.onAgent[h.agentByID(a.id()).name][h.nameOf(f.id())+"/"+t.ID()] != "" {
				h.t.Errorf("task %s is unreachable on a connected agent that runs it", t.ID())
			}
		}
	}
	for _, a := range c.agents {
		for _, t := range a.tasks {
			if f := c.frameworks[t.FrameworkID()]; f == nil || f.tasks[t.ID()] != t {
				h.t.Errorf("task %v on agent %s is not its framework's", t.key(), a.id())
			}
		}
	}
	h.checkReload(c.Hash())
}

// free is what the engine takes to be neither offered nor used, over all agents.
func (e *engine) free() resource.Quantities {
	_, available := e.a.Usage()
	var q resource.Quantities
	for i, name := range e.a.DimensionNames() {
		if i < len(available) && available[i] != 0 {
			q = q.Plus(resource.Quantities{{Name: name, Milli: available[i]}})
		}
	}
	return q
}
