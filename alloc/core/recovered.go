package core

import (
	"cmp"
	"slices"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/store/record"
)

// Recovered ends loading: it withdraws offers of the last process, fills the
// allocation engine and arms timers. All entities are in out.Changed.
//
// Nobody is connected at first. Agents keep their tasks and are given
// AgentReregisterTimeout to come back, frameworks their failover timeout but at
// least FrameworkRecoveryTimeout; a deadline that was running already goes on.
func (c *Core) Recovered(now Time, out *Output) {
	c.now, c.out = now, out
	defer func() { c.out = nil }()
	out.Changed = slices.Grow(out.Changed, c.entities())
	c.recoverMeta()
	for _, b := range sortedValues(c.batches, cmp.Compare[uint64]) {
		c.dropOfferBatch(b.rec.GetFirst())
	}
	for _, o := range sortedStrings(c.oldOffers) {
		c.dropOldOffer(o.GetId())
	}
	c.recoverRoles()
	c.publish(record.ID{Kind: record.KindMaintenance}, c.maintenance)
	for _, f := range sortedStrings(c.frameworks) {
		c.recoverFramework(f)
	}
	for _, f := range sortedStrings(c.completed) {
		c.publish(frameworkID(f.id()), f.cur)
		c.publishTasks(f)
	}
	for _, a := range sortedStrings(c.agents) {
		c.recoverAgent(a)
	}
	for _, o := range sortedStrings(c.operations) {
		c.publish(record.ID{Kind: record.KindOperation, Parts: [3]string{o.UUID()}}, o)
		if o.unacknowledged() != nil {
			c.timers.arm(now.Mono+int64(operationRetryMin), timerOperation, o.UUID())
		}
	}
	c.timers.arm(now.Mono+int64(c.opts.PruneInterval), timerPrune, "")
	c.recoverRemovals()
}

// entities is about how many there are to publish. Growing a list of millions step by
// step would need several times its memory.
func (c *Core) entities() int {
	n := len(c.roles) + 2*(len(c.frameworks)+len(c.completed)+len(c.agents)) + len(c.operations)
	for _, set := range []map[string]*frameworkState{c.frameworks, c.completed} {
		for _, f := range set {
			n += len(f.tasks) + len(f.done) + len(f.executors)
		}
	}
	return n
}

func (c *Core) recoverMeta() {
	c.counters = counters{
		framework: c.meta.GetNextFramework(), agent: c.meta.GetNextAgent(),
		offer: c.meta.GetNextOffer(), serial: c.meta.GetNextSerial(),
	}
	if c.meta.ClusterId == nil {
		c.putMeta(&record.Meta{ClusterId: ptr(c.opts.ClusterID)})
	}
}

// recoverRoles sets weights and quotas. With quotas the engine waits for most
// agents before it makes offers.
func (c *Core) recoverRoles() {
	weights, quotas := map[string]float64{}, map[string]cycle.Quota{}
	for _, r := range sortedStrings(c.roles) {
		name := r.Rec.GetName()
		if q := r.Rec.Quota; q != nil && len(q.GetGuarantees())+len(q.GetLimits()) == 0 {
			c.storeQuota(name, nil)
			if r = c.roles[name]; r == nil {
				continue
			}
		}
		c.publish(record.ID{Kind: record.KindRole, Parts: [3]string{name}}, r)
		if r.Rec.Weight != nil {
			weights[name] = r.Rec.GetWeight()
		}
		if r.Rec.Quota != nil {
			guarantee, limit, err := quotaOf(r.Rec.Quota)
			if err != nil {
				panic("BUG: quota was not validated: " + err.Error())
			}
			quotas[name] = cycle.Quota{Guarantee: guarantee, Limit: limit}
		}
	}
	if len(weights) == 0 {
		weights = c.presetWeights()
	}
	for _, a := range c.agents {
		if a.registered() {
			c.expected++
		}
	}
	c.recovered = c.expected
	c.engine.a.UpdateWeights(weights)
	c.engine.check(c.engine.a.Recover(c.now.Mono, c.expected, quotas))
}

// presetWeights writes down the weights that the options give.
func (c *Core) presetWeights() map[string]float64 {
	for _, role := range sortedKeys(c.opts.Weights) {
		c.storeWeight(role, c.opts.Weights[role])
	}
	return c.opts.Weights
}

func (c *Core) recoverFramework(f *frameworkState) {
	c.touchFramework(f, func(e *Framework) { e.Recovered = true })
	if f.cur.Rec.FailoverDeadlineNanos == nil {
		wait := max(failoverTimeout(f.info()), c.opts.FrameworkRecoveryTimeout)
		rec := cloneFramework(f.cur.Rec)
		rec.FailoverDeadlineNanos = ptr(saturatedAdd(c.now.Wall, int64(wait)))
		c.putFramework(rec)
	}
	c.armWall(f.cur.Rec.GetFailoverDeadlineNanos(), timerFrameworkFailover, f.id())
	c.publishTasks(f)
	c.publishKept(f.id())
	c.engine.addFramework(c.now.Mono, c.engineFramework(f))
}

func (c *Core) publishTasks(f *frameworkState) {
	tasks := f.loaded
	if f.loaded = nil; len(tasks) != len(f.tasks) { // one was loaded twice, or forgotten
		tasks = f.sortedTasks()
	}
	for _, t := range tasks {
		c.publish(record.ID{Kind: record.KindTask, Parts: [3]string{f.id(), t.ID()}}, t)
	}
	for _, t := range f.done {
		c.publish(record.ID{Kind: record.KindCompletedTask, Parts: [3]string{f.id()}, Number: t.serial}, t)
	}
}

func (c *Core) recoverAgent(a *agentState) {
	for _, e := range a.sortedExecutors() {
		c.publish(executorID(e.key()), e)
	}
	for _, d := range a.outbox {
		a.notePendingKill(d)
	}
	if !a.registered() {
		c.publish(agentID(a.id()), a.cur)
		return
	}
	c.noteAddress(a)
	c.touchAgent(a, func(e *Agent) {
		e.Recovered = true
		e.Unavailability = c.unavailabilityOf(a)
	})
	if a.cur.Rec.ReregisterDeadlineNanos == nil {
		rec := cloneAgent(a.cur.Rec)
		rec.ReregisterDeadlineNanos = ptr(c.now.Wall + int64(c.opts.AgentReregisterTimeout))
		c.putAgent(rec)
	}
	c.armWall(a.cur.Rec.GetReregisterDeadlineNanos(), timerAgentReregister, a.id())
}

func saturatedAdd(a, b int64) int64 {
	if b > 0 && a > maxInt64-b {
		return maxInt64
	}
	return a + b
}

const maxInt64 = 1<<63 - 1
