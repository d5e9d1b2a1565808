package api

import (
	"sync"
	"time"

	"github.com/caprock/caprock/agent/attach"
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
)

// Containers hands calls about containers to the core and its answers back.
type Containers struct {
	// report hands a command to the agent's loop; an error means that it has ended.
	report func(core.Command) error
	lines  *attach.Switchboard
	clock  clock.Clock
	stop   chan struct{}
	once   sync.Once

	mu      sync.Mutex
	last    core.Token                                // guarded by mu
	waiting map[core.Token]chan<- core.ContainerReply // guarded by mu
}

// NewContainers returns a Containers. report hands over a command and fails once the
// agent has stopped.
func NewContainers(report func(core.Command) error, lines *attach.Switchboard, c clock.Clock) *Containers {
	return &Containers{
		report: report, lines: lines, clock: c, stop: make(chan struct{}),
		waiting: map[core.Token]chan<- core.ContainerReply{},
	}
}

// Do takes an answer of the core and reports whether it was one.
func (g *Containers) Do(e core.Effect) bool {
	reply, ok := e.(core.ContainerReply)
	if !ok {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.waiting[reply.Token]; w != nil {
		w <- reply
		delete(g.waiting, reply.Token)
	}
	return true
}

// Stop answers whoever waits that the agent is stopping.
func (g *Containers) Stop() { g.once.Do(func() { close(g.stop) }) }

const (
	// maxWaiting bounds how many calls wait for the core, most of them for the end
	// of a container.
	maxWaiting = 4096
	// peerCheck is how often it is looked whether the client still waits.
	peerCheck = 5 * time.Second
)

var stopping = core.ContainerReply{Status: 503, Text: "Agent is stopping"}

// ask hands over what command makes of a token and waits for the answer, however
// long that takes. gone is what follows if the client has hung up meanwhile.
func (g *Containers) ask(c *httpd.Ctx, command, gone func(core.Token) core.Command) (reply core.ContainerReply, ok bool) {
	answer := make(chan core.ContainerReply, 1)
	g.mu.Lock()
	if len(g.waiting) >= maxWaiting {
		g.mu.Unlock()
		return core.ContainerReply{Status: 503, Text: "Too many calls wait for containers"}, true
	}
	g.last++
	token := g.last
	g.waiting[token] = answer
	g.mu.Unlock()
	if g.report(command(token)) != nil {
		g.forget(token)
		return stopping, true
	}
	ticker := g.clock.NewTimer(peerCheck)
	defer ticker.Stop()
	for {
		select {
		case reply := <-answer:
			return reply, true
		case <-g.stop:
			return stopping, true
		case <-ticker.C():
			if c.PeerGone() {
				g.forget(token)
				_ = g.report(gone(token))
				return reply, false
			}
			ticker.Reset(peerCheck)
		}
	}
}

// metrics counts who waits and who listens.
func (g *Containers) metrics(add func(string, float64)) {
	g.mu.Lock()
	waiting := len(g.waiting)
	g.mu.Unlock()
	m := g.lines.Metrics()
	add("caprock/containers/calls_waiting", float64(waiting))
	add("caprock/containers/attachable", float64(m.Lines))
	add("caprock/containers/readers_attached", float64(m.Listeners))
	add("caprock/containers/readers_cut", float64(m.Cut))
}

func (g *Containers) forget(token core.Token) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, token)
}

// operate answers a call about a container and reports whether it was one.
func (a *server) operate(c *httpd.Ctx, call *agent.Call, m media) bool {
	cc, _, ok := containerCallOf(call)
	if !ok {
		return false
	}
	id := core.ContainerIDOf(cc.id)
	forget := func(t core.Token) core.Command { return core.ForgetWait{Token: t} }
	switch call.GetType() {
	case agent.Call_ATTACH_CONTAINER_OUTPUT:
		a.attachOutput(c, id, m)
	case agent.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		a.session(c, cc, id, m)
	//lint:ignore SA1019 executors of today send the deprecated calls
	case agent.Call_LAUNCH_CONTAINER, agent.Call_LAUNCH_NESTED_CONTAINER:
		a.finish(c, forget, func(t core.Token) core.Command { return cc.launchCommand(t, id) })
	//lint:ignore SA1019 as above
	case agent.Call_WAIT_CONTAINER, agent.Call_WAIT_NESTED_CONTAINER:
		a.wait(c, call.GetType(), id, m)
	//lint:ignore SA1019 as above
	case agent.Call_KILL_CONTAINER, agent.Call_KILL_NESTED_CONTAINER:
		signal := signalOf(call)
		a.finish(c, forget, func(t core.Token) core.Command { return core.KillContainer{Token: t, ID: id, Signal: signal} })
	default:
		a.finish(c, forget, func(t core.Token) core.Command { return core.RemoveContainer{Token: t, ID: id} })
	}
	return true
}

func (cc *containerCall) launchCommand(t core.Token, id core.ContainerID) core.Command {
	return core.LaunchContainer{
		Token: t, ID: id, Command: cc.command, Container: cc.container, Resources: cc.resources,
		Limits: cc.limits, Session: cc.session,
	}
}

// sigKill is what a KILL without a signal sends.
const sigKill = 9

func signalOf(call *agent.Call) int {
	//lint:ignore SA1019 executors of today send the deprecated call
	nested := call.KillNestedContainer
	switch {
	case nested != nil && nested.Signal != nil:
		return int(nested.GetSignal())
	case call.KillContainer != nil && call.KillContainer.Signal != nil:
		return int(call.KillContainer.GetSignal())
	}
	return sigKill
}

// finish answers a call with a status and, if it failed, a text.
func (a *server) finish(c *httpd.Ctx, gone, command func(core.Token) core.Command) {
	if reply, ok := a.Containers.ask(c, command, gone); ok {
		replyStatus(c, reply)
	}
}

func replyStatus(c *httpd.Ctx, reply core.ContainerReply) {
	if reply.Text == "" {
		c.ReplyEmpty(reply.Status)
		return
	}
	c.ReplyText(reply.Status, reply.Text)
}

// wait answers once the container has ended.
func (a *server) wait(c *httpd.Ctx, t agent.Call_Type, id core.ContainerID, m media) {
	reply, ok := a.Containers.ask(c,
		func(t core.Token) core.Command { return core.WaitContainer{Token: t, ID: id} },
		func(t core.Token) core.Command { return core.ForgetWait{Token: t} })
	switch {
	case !ok:
		return
	case reply.Termination == nil:
		replyStatus(c, reply)
		return
	}
	body, err := m.out.Append(nil, waitResponse(t, reply.Termination))
	if err != nil {
		c.ReplyText(500, err.Error())
		return
	}
	c.Reply(200, m.out.ContentType(), body)
}

func waitResponse(t agent.Call_Type, end *record.Termination) *agent.Response {
	var limitation *mesos.TaskResourceLimitation
	if end.Limitation != nil {
		limitation = end.Limitation.CloneVT()
	}
	if t == agent.Call_WAIT_CONTAINER {
		return &agent.Response{Type: agent.Response_WAIT_CONTAINER.Enum(), WaitContainer: &agent.Response_WaitContainer{
			ExitStatus: end.ExitStatus, State: end.State, Reason: end.Reason, Limitation: limitation, Message: end.Message,
		}}
	}
	//lint:ignore SA1019 the answer to the deprecated call
	return &agent.Response{Type: agent.Response_WAIT_NESTED_CONTAINER.Enum(), WaitNestedContainer: &agent.Response_WaitNestedContainer{
		ExitStatus: end.ExitStatus, State: end.State, Reason: end.Reason, Limitation: limitation, Message: end.Message,
	}}
}
