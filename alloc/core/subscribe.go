//lint:file-ignore SA1019 The old single role is what frameworks without MULTI_ROLE have.

package core

import (
	"time"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// subscribe answers SUBSCRIBE. What is wrong with the framework is told on the
// open stream, as an ERROR event before the end, because Mesos' clients look for
// it there.
func (c *Core) subscribe(cmd *Subscribe) {
	call := cmd.Call.GetSubscribe()
	info := cloneFrameworkInfo(call.GetFrameworkInfo())
	if info.Principal == nil && cmd.Principal != "" {
		info.Principal = &cmd.Principal
	}
	id := info.GetId().GetValue()
	f := c.frameworks[id]
	if err := c.checkSubscription(f, info, call); err != nil {
		c.out.effect(&OpenStream{Stream: cmd.Stream, StreamID: cmd.StreamID})
		c.out.effect(&Event{Stream: cmd.Stream, Event: errorEvent(err.Error())})
		c.out.effect(&CloseStream{Stream: cmd.Stream})
		return
	}
	switch {
	case f == nil:
		if id == "" {
			info.Id = &mesos.FrameworkID{Value: ptr(c.newFrameworkID())}
		}
		c.addFramework(cmd, info, call)
	default:
		c.resubscribe(f, cmd, info, call)
	}
}

func (c *Core) checkSubscription(f *frameworkState, info *mesos.FrameworkInfo, call *scheduler.Call_Subscribe) error {
	if err := c.validateFramework(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		return err
	}
	if f != nil {
		return validatePrincipalKept(f.info(), info)
	}
	return nil
}

func (c *Core) addFramework(cmd *Subscribe, info *mesos.FrameworkInfo, call *scheduler.Call_Subscribe) {
	f := c.putFramework(&record.Framework{
		Info: info, SuppressedRoles: call.GetSuppressedRoles(), OfferConstraints: call.GetOfferConstraints(),
		RegisteredNanos: ptr(c.now.Wall), ReregisteredNanos: ptr(c.now.Wall),
	})
	c.openStream(f, cmd)
	c.engine.addFramework(c.now.Mono, c.engineFramework(f))
	c.sendSubscribed(f)
	c.frameworkAdded(f)
}

// resubscribe takes a framework over, or welcomes back one that was disconnected
// or known through the journal or agents alone.
func (c *Core) resubscribe(f *frameworkState, cmd *Subscribe, info *mesos.FrameworkInfo, call *scheduler.Call_Subscribe) {
	if f.cur.Connected {
		c.out.effect(&Event{Stream: f.stream, Event: errorEvent("Framework failed over")})
		c.out.effect(&CloseStream{Stream: f.stream})
		delete(c.streams, f.stream)
	}
	c.withdrawOffers(f)
	info.User, info.Checkpoint = f.info().User, f.info().Checkpoint
	rec := cloneFramework(f.cur.Rec)
	rec.ReregisteredNanos, rec.FailoverDeadlineNanos = ptr(c.now.Wall), nil
	if f.cur.Recovered {
		// To a new master of Mesos every framework is new.
		rec.RegisteredNanos = rec.ReregisteredNanos
	}
	old := f.info()
	c.replaceFramework(f, rec, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	c.openStream(f, cmd)
	c.engine.updateFramework(c.now.Mono, c.engineFramework(f))
	c.sendSubscribed(f)
	c.frameworkUpdated(f)
	c.sendFrameworkToAgents(f, old)
	if f.info().EqualVT(old) {
		c.tellOfReturn(f)
	}
	c.repeatOperations(f)
}

// repeatOperations sends what a returning framework has not acknowledged.
func (c *Core) repeatOperations(f *frameworkState) {
	for _, o := range sortedStrings(f.operations) {
		if status := o.unacknowledged(); status != nil {
			c.sendOperationStatus(f, status)
		}
	}
}

// replaceFramework stores a new description; what it no longer says is gone.
func (c *Core) replaceFramework(f *frameworkState, rec *record.Framework, info *mesos.FrameworkInfo, suppressed []string, constraints *scheduler.OfferConstraints) {
	rec.Info, rec.SuppressedRoles, rec.OfferConstraints = info, suppressed, constraints
	c.putFramework(rec)
}

func (c *Core) openStream(f *frameworkState, cmd *Subscribe) {
	f.stream, f.streamID = cmd.Stream, cmd.StreamID
	c.streams[cmd.Stream] = f.id()
	c.touchFramework(f, func(e *Framework) { e.Connected, e.Active, e.Recovered = true, true, false })
	c.out.effect(&OpenStream{Stream: cmd.Stream, StreamID: cmd.StreamID, FrameworkID: f.id()})
}

func (c *Core) sendSubscribed(f *frameworkState) {
	c.send(f, &scheduler.Event{
		Type: scheduler.Event_SUBSCRIBED.Enum(),
		Subscribed: &scheduler.Event_Subscribed{
			FrameworkId:              f.info().Id,
			HeartbeatIntervalSeconds: ptr(HeartbeatInterval.Seconds()),
			MasterInfo:               c.opts.MasterInfo,
		},
	})
	c.send(f, heartbeatEvent())
}

// sendFrameworkToAgents brings the description up to date wherever the framework
// has executors or tasks.
func (c *Core) sendFrameworkToAgents(f *frameworkState, old *mesos.FrameworkInfo) {
	if f.info().EqualVT(old) {
		return
	}
	for _, a := range c.agentsOf(f) {
		c.updateFrameworkOn(a, f)
	}
}

// tellOfReturn has agents send again what the framework may have missed: they wait
// up to ten minutes between attempts. Whoever is not reached does so at its next
// registration.
func (c *Core) tellOfReturn(f *frameworkState) {
	for _, a := range c.agentsOf(f) {
		c.tell(a, &link.Down{Body: &link.Down_UpdateFramework{UpdateFramework: &link.UpdateFramework{Framework: f.info()}}})
	}
}

// agentsOf are the agents with live tasks or executors of the framework, by id.
func (c *Core) agentsOf(f *frameworkState) []*agentState {
	found := map[string]*agentState{}
	for _, t := range f.tasks {
		if a := c.agents[t.AgentID()]; a != nil {
			found[a.id()] = a
		}
	}
	for k := range f.executors {
		if a := c.agents[k.agent]; a != nil {
			found[a.id()] = a
		}
	}
	return sortedStrings(found)
}

// streamClosed is told of broken streams; of those that were replaced or closed
// from here it knows nothing any more.
func (c *Core) streamClosed(s StreamRef) {
	delete(c.operators, s)
	id, ok := c.streams[s]
	if !ok {
		return
	}
	c.disconnectFramework(c.frameworks[id])
}

// disconnectFramework leaves the framework failover_timeout to come back. The
// deadline is written down, so it holds across restarts.
func (c *Core) disconnectFramework(f *frameworkState) {
	delete(c.streams, f.stream)
	f.stream, f.streamID = 0, ""
	c.touchFramework(f, func(e *Framework) { e.Connected, e.Active = false, false })
	c.engine.deactivateFramework(f.id())
	c.withdrawOffers(f)
	timeout := failoverTimeout(f.info())
	if timeout <= 0 {
		c.removeFramework(f)
		return
	}
	rec := cloneFramework(f.cur.Rec)
	rec.FailoverDeadlineNanos = ptr(saturatedAdd(c.now.Wall, int64(timeout)))
	c.putFramework(rec)
	c.armWall(rec.GetFailoverDeadlineNanos(), timerFrameworkFailover, f.id())
}

func (c *Core) frameworkFailoverTimeout(id string) {
	f := c.frameworks[id]
	if f == nil || f.cur.Connected || f.cur.Rec.FailoverDeadlineNanos == nil {
		return
	}
	if deadline := f.cur.Rec.GetFailoverDeadlineNanos(); deadline > c.now.Wall {
		c.armWall(deadline, timerFrameworkFailover, id)
		return
	}
	c.removeFramework(f)
}

// failoverTimeout is 0 for negative values; values beyond a Duration were refused.
func failoverTimeout(info *mesos.FrameworkInfo) time.Duration {
	return time.Duration(max(0, info.GetFailoverTimeout()) * float64(time.Second))
}

func cloneFrameworkInfo(i *mesos.FrameworkInfo) *mesos.FrameworkInfo {
	return &mesos.FrameworkInfo{
		User: i.User, Name: i.Name, Id: i.Id, FailoverTimeout: i.FailoverTimeout, Checkpoint: i.Checkpoint,
		Role: i.Role, Roles: i.Roles, Hostname: i.Hostname, Principal: i.Principal, WebuiUrl: i.WebuiUrl,
		Capabilities: i.Capabilities, Labels: i.Labels, OfferFilters: i.OfferFilters,
	}
}
