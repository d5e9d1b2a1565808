package core

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// loading collects records until they are put together.
type loading struct {
	frameworks map[string]*record.Framework
	containers map[string]*record.Container
	tasks      map[string]*record.Task
	progress   map[string]*record.Progress
	updates    map[string]map[uint64]*record.Update
	completed  map[string]*record.Completed
	done       map[string]*record.Completed // by their whole keys
	operations map[string]*record.Operation
	annexes    map[string]*record.Annex
}

func newLoading() *loading {
	return &loading{
		frameworks: map[string]*record.Framework{},
		containers: map[string]*record.Container{},
		tasks:      map[string]*record.Task{},
		progress:   map[string]*record.Progress{},
		updates:    map[string]map[uint64]*record.Update{},
		completed:  map[string]*record.Completed{},
		done:       map[string]*record.Completed{},
		operations: map[string]*record.Operation{},
		annexes:    map[string]*record.Annex{},
	}
}

// Load takes one record as it was committed, in the order of the commits; a nil
// value deletes. value is not kept. A record that this version does not
// understand is an error: an older program must not drop what a newer one wrote.
func (c *Core) Load(key string, value []byte) error {
	m := record.New(key)
	if m == nil {
		return fmt.Errorf("checkpoint holds a record %q, which this version does not know", key)
	}
	if value != nil {
		if err := m.UnmarshalVT(slices.Clone(value)); err != nil {
			return fmt.Errorf("decode checkpointed record %q: %w", key, err)
		}
	}
	parts := record.Split(key)
	l, gone := c.loading, value == nil
	switch m := m.(type) {
	case *record.Agent:
		c.rec = m
	case *record.Resources:
		c.res = m
	case *record.Framework:
		replace(l.frameworks, parts[0], m, gone)
	case *record.Container:
		replace(l.containers, parts[0], m, gone)
	case *record.Task:
		replace(l.tasks, taskKey(parts), m, gone)
	case *record.Progress:
		replace(l.progress, taskKey(parts), m, gone)
	case *record.Completed:
		if record.IsDone(key) {
			replace(l.done, key, m, gone)
		} else {
			replace(l.completed, parts[0], m, gone)
		}
	case *record.Operation:
		replace(l.operations, parts[0], m, gone)
	case *record.Annex:
		replace(l.annexes, parts[0], m, gone)
	case *record.Update:
		return l.loadUpdate(key, parts, m, gone)
	}
	return nil
}

func replace[M any](in map[string]M, key string, m M, gone bool) {
	if gone {
		delete(in, key)
	} else {
		in[key] = m
	}
}

func taskKey(parts []string) string {
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

func (l *loading) loadUpdate(key string, parts []string, m *record.Update, gone bool) error {
	if len(parts) != 3 {
		return fmt.Errorf("checkpoint holds an update under %q, want framework/task/number", key)
	}
	n, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return fmt.Errorf("checkpoint holds an update under %q: %w", key, err)
	}
	of := l.updates[taskKey(parts)]
	if of == nil {
		of = map[uint64]*record.Update{}
		l.updates[taskKey(parts)] = of
	}
	if gone {
		delete(of, n)
	} else {
		of[n] = m
	}
	return nil
}

// ProcessRef is a process that the records speak of and the kernel must be asked
// about.
type ProcessRef struct {
	ID         string
	Pid        int
	StartTicks uint64
	// Launching: it may have been started or not; Pid is unknown.
	Launching bool
	// Directory is its sandbox, if the agent has to do with its output: it runs on
	// a terminal, which outlives the agent.
	Directory string
}

// Fact is what the kernel says about a ProcessRef.
type Fact struct {
	// Alive: it runs, as Pid started at StartTicks.
	Alive      bool
	Pid        int
	StartTicks uint64
	// Absent: there is no trace of it; it was never started.
	Absent bool
	// Known and WaitStatus say how it ended, if neither Alive nor Absent.
	Known      bool
	WaitStatus int
}

// Assemble puts the loaded records together. It returns the processes that were
// not known to have ended, and the ids of all containers that exist: whatever
// else the kernel holds of this agent is left over.
func (c *Core) Assemble() (refs []ProcessRef, containers []string) {
	l := c.loading
	c.loading = nil
	for _, id := range sortedKeys(l.frameworks) {
		if l.frameworks[id].GetInfo().GetId().GetValue() != id {
			c.damaged(record.FrameworkKey(id))
			continue
		}
		f := &framework{id: id, rec: l.frameworks[id], tasks: map[string]*task{}}
		c.frameworks[id] = f
		c.order = append(c.order, f)
	}
	for _, rec := range byOrdinal(l.containers) {
		c.assembleContainer(rec)
	}
	for _, rec := range byOrdinal(l.tasks) {
		c.assembleTask(rec, l)
	}
	for _, id := range sortedKeys(l.completed) {
		done := l.completed[id]
		if done.GetContainer().GetId() != id || done.Container.Executor == nil || done.GetFramework().GetId() == nil {
			c.damaged(record.CompletedKey(id))
			continue
		}
		c.completed = append(c.completed, done)
	}
	c.assembleDone(l.done)
	c.assembleOperations(l.operations)
	slices.SortFunc(c.completed, func(a, b *record.Completed) int {
		return cmp.Or(cmp.Compare(a.GetEndedAtNanos(), b.GetEndedAtNanos()),
			cmp.Compare(a.Container.GetOrdinal(), b.Container.GetOrdinal()))
	})
	for _, f := range c.order {
		for _, ct := range f.containers {
			containers = append(containers, ct.id())
			if ct.proc != nil {
				refs = appendRef(refs, ct.proc)
			}
			for _, t := range ct.tasks {
				if t.proc != nil {
					refs = appendRef(refs, t.proc)
				}
			}
		}
	}
	refs = append(refs, c.assembleAnnexes(l.annexes)...)
	return refs, containers
}

// EndedRuns lists the sandboxes of the runs that had ended before, oldest first.
func (c *Core) EndedRuns() []Discard {
	out := append(c.endedStandalone(), c.endedMembers()...)
	for _, done := range c.completed {
		out = append(out, Discard{ContainerID: done.Container.GetId(), Directory: done.Container.GetDirectory(), EndedAt: done.GetEndedAtNanos()})
	}
	slices.SortStableFunc(out, func(a, b Discard) int { return cmp.Compare(a.EndedAt, b.EndedAt) })
	return out
}

func appendRef(refs []ProcessRef, p *process) []ProcessRef {
	if p.exited() {
		return refs
	}
	return append(refs, ProcessRef{
		ID: p.id, Pid: int(p.rec.GetPid()), StartTicks: p.rec.GetStartTicks(), Launching: p.launching(),
		Directory: p.terminalDirectory(),
	})
}

func sortedKeys[M any](m map[string]M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func byOrdinal[M interface{ GetOrdinal() uint64 }](m map[string]M) []M {
	out := make([]M, 0, len(m))
	for _, k := range sortedKeys(m) {
		out = append(out, m[k])
	}
	slices.SortStableFunc(out, func(a, b M) int { return cmp.Compare(a.GetOrdinal(), b.GetOrdinal()) })
	return out
}

// assembleContainer enters a container. One whose framework record was lost to
// damage is dropped, and nothing else with it.
func (c *Core) assembleContainer(rec *record.Container) {
	f := c.frameworks[rec.FrameworkId.GetValue()]
	custom := rec.GetKind() == record.Container_CUSTOM
	if f == nil || rec.Executor == nil || rec.Id == nil || c.containers[rec.GetId()] != nil || (custom && rec.Process == nil) {
		c.damaged(record.ContainerKey(rec.GetId()))
		return
	}
	ct := &container{rec: rec, fw: f, resubscribed: rec.GetState() != record.Container_RUNNING}
	f.containers = append(f.containers, ct)
	c.containers[ct.id()] = ct
	c.ordinal = max(c.ordinal, rec.GetOrdinal())
	if custom {
		c.adoptProcess(&process{id: ct.id(), ct: ct, rec: rec.Process})
	}
}

// damaged leaves out a record that contradicts itself or the others.
func (c *Core) damaged(key string) {
	c.metrics.DamagedRecords++
	c.erase(key)
}

func (c *Core) assembleTask(rec *record.Task, l *loading) {
	fw, id := rec.FrameworkId.GetValue(), rec.Info.GetTaskId().GetValue()
	f, ct := c.frameworks[fw], c.containers[rec.GetContainerId()]
	prog := l.progress[fw+"/"+id]
	if prog == nil {
		prog = &record.Progress{State: mesos.TaskState_TASK_STAGING.Enum()}
	}
	ours := ct != nil && !ct.custom()
	if f == nil || id == "" || f.tasks[id] != nil || (ct == nil && rec.ContainerId != nil) || (ct != nil && ct.fw != f) ||
		(ours && (prog.Process == nil || rec.Info.Command == nil)) {
		c.damaged(record.TaskKey(fw, id))
		c.erase(record.ProgressKey(fw, id))
		return
	}
	t := &task{rec: rec, prog: prog, fw: f, ct: ct}
	f.tasks[id] = t
	f.order = append(f.order, t)
	c.ordinal = max(c.ordinal, rec.GetOrdinal(), rec.GetGroup())
	c.assembleStream(t, l.updates[fw+"/"+id])
	if ct == nil {
		return
	}
	ct.tasks = append(ct.tasks, t)
	if ours {
		pid := ct.id()
		if rec.GetNestedId() != "" {
			pid = memberID(ct, rec)
		}
		c.adoptProcess(&process{id: pid, ct: ct, task: t, rec: prog.Process})
	}
}

func (c *Core) assembleStream(t *task, updates map[uint64]*record.Update) {
	numbers := make([]uint64, 0, len(updates))
	for n, u := range updates {
		if u.GetStatus().GetTaskId() == nil {
			c.damaged(record.UpdateKey(t.fw.id, t.id(), n))
			continue
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if i == 0 {
			t.firstUpdate = n
		}
		if n != t.firstUpdate+uint64(i) {
			// An update in between was lost to damage; its number is not reused.
			c.erase(record.UpdateKey(t.fw.id, t.id(), n))
			n = t.firstUpdate + uint64(i)
			c.put(record.UpdateKey(t.fw.id, t.id(), n), updates[numbers[i]])
		}
		t.pending = append(t.pending, updates[numbers[i]].Status)
	}
	if len(t.pending) > 0 {
		t.prog.NextUpdate = new(t.firstUpdate + uint64(len(t.pending)))
	}
}

// Recover takes up where the process before left off, given what the kernel says
// about each process that Assemble returned. An error says why this agent must not
// go on with the options it was given; nothing has changed then.
func (c *Core) Recover(now Time, facts map[string]Fact) error {
	c.now = now
	rebooted := c.rec.BootId != nil && c.rec.GetBootId() != c.opts.BootID
	if err := c.reconfigure(rebooted); err != nil {
		return err
	}
	c.rec.BootId = &c.opts.BootID
	c.agentDirty = true
	c.recoverVolumes()
	for _, f := range slices.Clone(c.order) {
		for _, ct := range slices.Clone(f.containers) {
			c.recoverContainer(ct, facts, rebooted)
		}
		c.settleFramework(f)
	}
	c.recoverAnnexes(facts, rebooted)
	c.awaitExecutors()
	return nil
}

func (c *Core) recoverContainer(ct *container, facts map[string]Fact, rebooted bool) {
	if ct.kind() == record.Container_DEFAULT && ct.state() != record.Container_TERMINATED {
		if err := c.nest(ct); err != nil {
			c.metrics.VolumeErrors++ // it was fit to be made once; what runs goes on
		}
	}
	c.recoverOwn(ct.proc, facts, rebooted)
	for _, t := range slices.Clone(ct.tasks) {
		c.recoverOwn(t.proc, facts, rebooted)
	}
	if ct.kind() == record.Container_DEFAULT && ct.state() == record.Container_TERMINATED {
		c.emit(Destroy{ID: ct.id()})
	}
	for _, t := range ct.tasks {
		if t.prog.Bounds != nil && !t.terminal() && !ct.over() && t.proc != nil && t.proc.running() {
			c.applyBounds(t, 0)
		}
	}
	if ct.custom() && !ct.gone {
		c.resize(ct) // the last change may have been decided on and not made
		switch ct.state() {
		case record.Container_REGISTERING:
			c.arm(timer{kind: timerRegister, ct: ct, at: c.now.Mono + c.opts.RegistrationTimeout})
		case record.Container_TERMINATING:
			c.arm(timer{kind: timerShutdown, ct: ct, at: c.now.Mono + c.shutdownGrace(ct)})
		}
	}
	if ct.fw.rec.GetTerminating() && !ct.gone {
		c.shutdownExecutor(ct)
	}
	c.settleContainer(ct)
}

// recoverOwn recovers p, which may be nil. Of one that is known to have ended the
// container may be there still.
func (c *Core) recoverOwn(p *process, facts map[string]Fact, rebooted bool) {
	switch {
	case p == nil:
	case p.exited():
		c.emit(Destroy{ID: p.id})
	default:
		c.recoverProcess(p, facts[p.id], rebooted)
	}
}

func (c *Core) recoverProcess(p *process, fact Fact, rebooted bool) {
	switch {
	case p.launching() && rebooted:
		c.launchFailed(LaunchFailed{ID: p.id, Message: "the machine restarted while the container was being launched"})
	case p.launching() && fact.Alive:
		c.started(Started{ID: p.id, Pid: fact.Pid, StartTicks: fact.StartTicks})
	case p.launching() && fact.Absent:
		c.relaunch(p)
	case p.launching() && !fact.Known:
		c.launchFailed(LaunchFailed{ID: p.id, Message: "the agent restarted while the container was being launched"})
	case p.launching():
		c.started(Started{ID: p.id, Pid: fact.Pid, StartTicks: fact.StartTicks})
		c.exited(Exited{ID: p.id, WaitStatus: fact.WaitStatus, Known: true})
	case fact.Alive:
		c.readopt(p)
	default:
		c.exited(Exited{ID: p.id, WaitStatus: fact.WaitStatus, Known: fact.Known && !rebooted})
	}
}

// relaunch starts what was to be started, unless it was cancelled in between.
func (c *Core) relaunch(p *process) {
	if p.ct.over() || (p.task != nil && p.task.prog.GetKillRequested()) {
		c.launchFailed(LaunchFailed{ID: p.id, Message: "cancelled"})
		return
	}
	c.launchProcess(p)
}

// readopt resumes what was going on about a live process. Grace starts anew: when
// it began is not known on this clock.
func (c *Core) readopt(p *process) {
	t := p.task
	switch {
	case t == nil:
		if p.ct.rec.Ending != nil {
			c.killNow(p)
		}
	case t.prog.Ending != nil:
		c.killNow(p)
	case t.prog.GetKillRequested():
		c.terminateProcess(p, graceOf(t, t.prog.KillPolicy))
	default:
		c.armCompletion(t)
		c.armChecks(t)
	}
}

// awaitExecutors gives custom executors their time to come back.
func (c *Core) awaitExecutors() {
	if c.everyoneBack() {
		return
	}
	c.arm(timer{kind: timerRecovery, at: c.now.Mono + c.opts.ReregistrationTimeout})
}

func (c *Core) everyoneBack() bool {
	for _, ct := range c.containers {
		if ct.custom() && !ct.resubscribed && !ct.over() {
			return false
		}
	}
	return true
}

// checkRecovered ends the wait early once nobody is missing.
func (c *Core) checkRecovered() {
	if c.Recovering() && c.everyoneBack() {
		c.endRecovery()
	}
}

func (c *Core) endRecovery() {
	c.recoverUntil = 0
	for _, f := range slices.Clone(c.order) {
		for _, ct := range slices.Clone(f.containers) {
			if ct.custom() && !ct.resubscribed {
				ct.resubscribed = true
				c.registrationTimedOut(ct)
			}
		}
	}
	c.register()
}

// State yields every record, for a snapshot.
func (c *Core) State() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		if !c.spent && !yield(Record{Key: record.AgentKey, Value: c.rec}) {
			return
		}
		if !yield(Record{Key: record.ResourcesKey, Value: c.res}) {
			return
		}
		for _, o := range c.operations {
			if !yield(Record{Key: o.key(), Value: o.rec}) {
				return
			}
		}
		for _, f := range c.order {
			if !f.yieldRecords(yield) {
				return
			}
		}
		for _, a := range c.annexOrder {
			if !yield(Record{Key: record.AnnexKey(a.key()), Value: a.rec}) {
				return
			}
		}
		for _, done := range c.completed {
			if !yield(Record{Key: record.CompletedKey(done.Container.GetId()), Value: done}) {
				return
			}
		}
	}
}

func (f *framework) yieldRecords(yield func(Record) bool) bool {
	if !yield(Record{Key: record.FrameworkKey(f.id), Value: f.rec}) {
		return false
	}
	for _, ct := range f.containers {
		if !yield(Record{Key: record.ContainerKey(ct.id()), Value: ct.rec}) {
			return false
		}
		for _, d := range ct.done {
			if !yield(Record{Key: record.DoneKey(ct.id(), d.number), Value: d.rec}) {
				return false
			}
		}
	}
	for _, t := range f.order {
		if !yield(Record{Key: record.TaskKey(f.id, t.id()), Value: t.rec}) ||
			!yield(Record{Key: record.ProgressKey(f.id, t.id()), Value: t.prog}) {
			return false
		}
		for i, st := range t.pending {
			key := record.UpdateKey(f.id, t.id(), t.firstUpdate+uint64(i))
			if !yield(Record{Key: key, Value: &record.Update{Status: st}}) {
				return false
			}
		}
	}
	return true
}
