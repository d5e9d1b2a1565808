package core

import (
	"fmt"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

const (
	sigKill = 9
	sigTerm = 15
)

func (p *process) running() bool   { return p.rec.GetPhase() == record.Process_RUNNING }
func (p *process) launching() bool { return p.rec.GetPhase() == record.Process_LAUNCHING }
func (p *process) exited() bool    { return p.rec.GetPhase() == record.Process_EXITED }

func (c *Core) started(s Started) {
	p := c.processes[s.ID]
	if p == nil || p.exited() {
		c.emit(Destroy{ID: s.ID})
		return
	}
	if !p.launching() {
		return
	}
	p.rec.Phase = record.Process_RUNNING.Enum()
	p.rec.Pid, p.rec.StartTicks = new(int32(s.Pid)), &s.StartTicks
	if s.NetClass != 0 {
		p.rec.NetClass = &s.NetClass
	}
	c.touchProcess(p)
	switch t := p.task; {
	case p.annex != nil:
		c.annexStarted(p.annex)
	case t == nil:
		if p.ct.over() {
			c.killNow(p)
		}
		if p.ct.outgrown {
			p.ct.outgrown = false
			c.resize(p.ct)
		}
		if early := p.ct.early; early != nil {
			p.ct.early = nil
			c.executorCall(*early)
		}
	case t.prog.GetKillRequested():
		c.killNow(p)
	default:
		t.prog.StartedAtNanos = new(c.now.Wall)
		c.armCompletion(t)
		c.update(t, status{state: mesos.TaskState_TASK_STARTING, source: mesos.TaskStatus_SOURCE_EXECUTOR})
		c.update(t, status{state: mesos.TaskState_TASK_RUNNING, source: mesos.TaskStatus_SOURCE_EXECUTOR})
		c.armChecks(t)
	}
}

func (c *Core) launchFailed(f LaunchFailed) {
	p := c.processes[f.ID]
	c.emit(Destroy{ID: f.ID})
	if p == nil || !p.launching() {
		return
	}
	c.metrics.LaunchErrors++
	p.rec.Phase = record.Process_EXITED.Enum()
	c.touchProcess(p)
	if p.annex != nil {
		c.annexLaunchFailed(p.annex, f.Message)
		return
	}
	c.processEnded(p, &record.Termination{Message: &f.Message})
	if f.NoUser && p.ct.kind() != record.Container_DEFAULT {
		p.ct.rec.NeverMade = new(true)
		c.touchContainer(p.ct)
	}
	failed := endOfLaunch(p.ct.fw, f)
	if t := p.task; t != nil {
		if t.prog.GetKillRequested() {
			failed = killedDuringLaunch()
		}
		c.endWith(t, failed)
		c.taskEnded(t)
		return
	}
	if p.ct.rec.Ending == nil {
		p.ct.rec.Ending = failed
	}
	c.executorEnded(p.ct, -1)
}

func endOfLaunch(fw *framework, f LaunchFailed) *record.Ending {
	e := &record.Ending{
		State:   mesos.TaskState_TASK_FAILED.Enum(),
		Reason:  mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED.Enum(),
		Message: new("Failed to launch container: " + f.Message),
	}
	if f.NoContainerizer {
		e.Reason = mesos.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum()
	}
	if f.NoUser {
		e.State = fw.lost(mesos.TaskState_TASK_DROPPED).Enum()
		e.Reason = mesos.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum()
	}
	return e
}

func killedDuringLaunch() *record.Ending {
	return &record.Ending{
		State:   mesos.TaskState_TASK_KILLED.Enum(),
		Reason:  mesos.TaskStatus_REASON_TASK_KILLED_DURING_LAUNCH.Enum(),
		Message: new("Task killed before it was delivered to its executor"),
	}
}

// endWith ends t as the agent decided, not its process.
func (c *Core) endWith(t *task, e *record.Ending) {
	c.update(t, status{
		state: e.GetState(), source: mesos.TaskStatus_SOURCE_AGENT, reason: e.Reason,
		message: e.GetMessage(), limitation: e.Limitation, bare: true,
	})
}

func (c *Core) exited(e Exited) {
	p := c.processes[e.ID]
	c.emit(Destroy{ID: e.ID})
	if p == nil || p.exited() {
		return
	}
	p.rec.Phase = record.Process_EXITED.Enum()
	p.killAt = 0
	c.stopChecks(p)
	c.touchProcess(p)
	if p.annex != nil {
		c.annexExited(p.annex, e)
		return
	}
	c.processEnded(p, terminationOf(e))
	if p.task == nil {
		raw := int32(e.WaitStatus)
		if !e.Known {
			raw = -1
		}
		c.executorEnded(p.ct, raw)
		return
	}
	if !p.task.terminal() {
		c.endFromExit(p.task, e)
	}
	c.taskEnded(p.task)
}

// endFromExit says what the end of its process means for t.
func (c *Core) endFromExit(t *task, e Exited) {
	s := status{source: mesos.TaskStatus_SOURCE_EXECUTOR, message: exitMessage(e.WaitStatus)}
	switch decided := t.prog.Ending; {
	case decided != nil:
		s.state, s.reason, s.limitation = decided.GetState(), decided.Reason, decided.Limitation
		if decided.Message != nil {
			s.source, s.message, s.bare = mesos.TaskStatus_SOURCE_AGENT, decided.GetMessage(), true
		}
	case t.prog.GetKillRequested():
		s.state = mesos.TaskState_TASK_KILLED
		if !e.Known {
			s.message = "Command was killed"
		}
	case !e.Known:
		s.state, s.source, s.bare = mesos.TaskState_TASK_FAILED, mesos.TaskStatus_SOURCE_AGENT, true
		s.reason = mesos.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum()
		s.message = "Command ended while the agent could not watch it; its exit status is unknown"
	case e.WaitStatus == 0:
		s.state = mesos.TaskState_TASK_FINISHED
	default:
		s.state = mesos.TaskState_TASK_FAILED
	}
	c.update(t, s)
}

// exitMessage words a raw wait status as Mesos' command executor does.
func exitMessage(waitStatus int) string {
	const coreDumped = 0x80
	if sig := waitStatus & 0x7f; sig != 0 {
		text := "Command terminated with signal " + signalText(sig)
		if waitStatus&coreDumped != 0 {
			text += " (core dumped)"
		}
		return text
	}
	return fmt.Sprintf("Command exited with status %d", waitStatus>>8&0xff)
}

// taskEnded draws the consequences of a task that became terminal: for its group,
// and for the executor that the agent plays.
func (c *Core) taskEnded(t *task) {
	ct := t.ct
	switch ct.kind() {
	case record.Container_COMMAND:
		c.terminate(ct)
	case record.Container_DEFAULT:
		if s := t.state(); s == mesos.TaskState_TASK_FAILED || s == mesos.TaskState_TASK_KILLED {
			c.killGroupOf(t)
		}
		if ct.idle() && c.allExited(ct) {
			c.sendExit(ct.fw, ct.rec.Executor.ExecutorId, 0)
			c.terminate(ct)
			c.emit(Destroy{ID: ct.id()})
			break
		}
		c.resize(ct)
	default:
		c.resize(ct)
		c.detach(t)
	}
	c.settleContainer(ct)
}

func (c *Core) allExited(ct *container) bool {
	return !slices.ContainsFunc(ct.tasks, func(t *task) bool { return t.proc != nil && !t.proc.exited() })
}

// sendExit tells that an executor is gone. Without a registration nobody needs to
// hear it, as the next one leaves the executor out, except from the moment on that
// it was written.
func (c *Core) sendExit(f *framework, executor *mesos.ExecutorID, raw int32) {
	up := &link.Up{Body: &link.Up_ExecutorExited{ExecutorExited: &link.ExecutorExited{
		FrameworkId: f.rec.Info.Id, ExecutorId: executor, Status: &raw,
	}}}
	if c.linkUp && !c.registered {
		c.exits = append(c.exits, up)
		return
	}
	c.send(up)
}

// killGroupOf kills the other members of the group of a member that failed or was
// killed.
func (c *Core) killGroupOf(t *task) {
	if t.rec.GetGroup() == 0 {
		return
	}
	for _, m := range slices.Clone(t.ct.tasks) {
		if m != t && m.rec.GetGroup() == t.rec.GetGroup() && !m.terminal() && !m.prog.GetKillRequested() {
			c.killTask(m, DefaultKillGrace)
		}
	}
}

func (c *Core) terminate(ct *container) {
	if ct.state() == record.Container_TERMINATED {
		return
	}
	ct.rec.State = record.Container_TERMINATED.Enum()
	ct.registerAt, ct.shutdownAt, ct.heartbeatAt = 0, 0, 0
	c.touchContainer(ct)
	if ct.kind() == record.Container_DEFAULT {
		c.containerEnded(ContainerID{ct.id()}, &record.Termination{ExitStatus: new(int32(0))})
	}
}

// signalText is what strsignal says, for the signals that end processes.
func signalText(sig int) string {
	const firstRealTime, lastRealTime = 34, 64 // as glibc counts them
	if name, ok := signalTexts[sig]; ok {
		return name
	}
	if sig >= firstRealTime && sig <= lastRealTime {
		return fmt.Sprintf("Real-time signal %d", sig-firstRealTime)
	}
	return fmt.Sprintf("Unknown signal %d", sig)
}

var signalTexts = map[int]string{
	1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap",
	6: "Aborted", 7: "Bus error", 8: "Floating point exception", 9: "Killed",
	10: "User defined signal 1", 11: "Segmentation fault", 12: "User defined signal 2",
	13: "Broken pipe", 14: "Alarm clock", 15: "Terminated", 16: "Stack fault", 17: "Child exited",
	18: "Continued", 19: "Stopped (signal)", 20: "Stopped", 21: "Stopped (tty input)",
	22: "Stopped (tty output)", 23: "Urgent I/O condition", 24: "CPU time limit exceeded",
	25: "File size limit exceeded", 26: "Virtual timer expired", 27: "Profiling timer expired",
	28: "Window changed", 29: "I/O possible", 30: "Power failure", 31: "Bad system call",
}
