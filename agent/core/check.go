package core

import (
	"math"

	"github.com/caprock/caprock/wire/mesos"
)

// minCheckInterval keeps a check without an interval from being all that the agent
// does.
const minCheckInterval = second / 100

// maxCheckTime stands for any longer time, so that sums of times cannot overflow.
const maxCheckTime = math.MaxInt64 / 8

// checker is the health check or the check of a task while its process runs. It is
// not in the records: after a restart of the agent it starts anew, and so its first
// result is told again.
type checker struct {
	task   *task
	health bool
	// at is when the next run is due, run the number of the one under way; 0: none.
	at  int64
	run uint64

	// failures of a health check in a row.
	failures uint32
	// passed: a health check has succeeded before.
	passed bool
	// graceUntil is how long failures do not count before the first success.
	graceUntil int64
	// result of a check when it was last told; nil: not since the agent started.
	result *mesos.CheckStatusInfo
}

// checkTimes are the parameters that both kinds have in common, in nanoseconds.
type checkTimes struct{ delay, interval, timeout int64 }

func (k *checker) times() checkTimes {
	var p interface {
		GetDelaySeconds() float64
		GetIntervalSeconds() float64
		GetTimeoutSeconds() float64
	} = k.task.rec.Info.Check
	if k.health {
		p = k.task.rec.Info.HealthCheck
	}
	return checkTimes{
		delay:    checkTime(p.GetDelaySeconds()),
		interval: max(checkTime(p.GetIntervalSeconds()), minCheckInterval),
		timeout:  checkTime(p.GetTimeoutSeconds()),
	}
}

func checkTime(seconds float64) int64 {
	if !(seconds > 0) {
		return 0
	}
	if ns := seconds * float64(second); ns < maxCheckTime {
		return int64(ns)
	}
	return maxCheckTime
}

// armChecks begins to check t, whose process runs. Delay and grace count from the
// start of the process, also if the agent was restarted since.
func (c *Core) armChecks(t *task) {
	if t.terminal() {
		return
	}
	info, since := t.rec.Info, int64(0)
	if at := t.prog.GetStartedAtNanos(); at > 0 {
		since = max(c.now.Wall-at, 0)
	}
	if info.Check != nil && info.Check.GetType() != mesos.CheckInfo_UNKNOWN {
		k := &checker{task: t}
		if since == 0 {
			k.result = emptyCheckStatus(info.Check)
		}
		c.armCheck(k, since)
	}
	if h := info.HealthCheck; h != nil && h.GetType() != mesos.HealthCheck_UNKNOWN {
		k := &checker{task: t, health: true}
		if last := t.lastStatus(); last.Healthy == nil {
			k.graceUntil = c.now.Mono + max(checkTime(h.GetGracePeriodSeconds())-since, 0)
		}
		c.armCheck(k, since)
	}
}

func (c *Core) armCheck(k *checker, since int64) {
	k.task.checks = append(k.task.checks, k)
	c.arm(timer{kind: timerCheck, check: k, at: c.now.Mono + max(k.times().delay-since, 0)})
}

// stopChecks ends the checks of what p runs: it is being killed or has ended.
func (c *Core) stopChecks(p *process) {
	if p.task == nil {
		return
	}
	for _, k := range p.task.checks {
		k.at = 0
		if k.run != 0 {
			c.emit(CancelCheck{Run: k.run})
		}
	}
	p.task.checks = nil
}

// runCheck starts the run that is due.
func (c *Core) runCheck(k *checker) {
	c.checkRun++
	k.run = c.checkRun
	e := Check{ID: k.task.proc.id, Run: k.run, Timeout: k.times().timeout}
	if err := c.aim(&e, k); err != nil {
		c.checked(Checked{ID: e.ID, Run: e.Run, Failure: err.Error()})
		return
	}
	c.emit(e)
}

// checked takes what came of a run. The interval begins at its end.
func (c *Core) checked(r Checked) {
	p := c.processes[r.ID]
	if p == nil || p.task == nil || r.Run == 0 {
		return
	}
	for _, k := range p.task.checks {
		if k.run != r.Run {
			continue
		}
		k.run = 0
		c.arm(timer{kind: timerCheck, check: k, at: c.now.Mono + k.times().interval})
		if k.health {
			c.healthChecked(k, r)
		} else {
			c.statusChecked(k, r)
		}
		return
	}
}

// healthChecked tells the first success, the first one after failures, and every
// failure that counts; too many in a row end the task.
func (c *Core) healthChecked(k *checker, r Checked) {
	t := k.task
	if healthy(t.rec.Info.HealthCheck, r) {
		if !k.passed || k.failures > 0 {
			c.updateHealth(t, true)
		}
		k.passed, k.failures = true, 0
		return
	}
	if !k.passed && c.now.Mono <= k.graceUntil {
		return
	}
	k.failures++
	c.updateHealth(t, false)
	if k.failures >= t.rec.Info.HealthCheck.GetConsecutiveFailures() {
		t.prog.Unhealthy = new(true)
		c.killTask(t, graceOf(t, nil))
	}
}

func healthy(h *mesos.HealthCheck, r Checked) bool {
	switch {
	case r.Failure != "":
		return false
	case h.GetType() == mesos.HealthCheck_HTTP:
		return r.Code >= 200 && r.Code <= 399
	}
	return r.Code == 0
}

func (c *Core) updateHealth(t *task, ok bool) {
	c.update(t, status{
		state: t.state(), source: mesos.TaskStatus_SOURCE_EXECUTOR, healthy: &ok,
		reason: mesos.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum(),
	})
}

// statusChecked tells a result that differs from the one before. No result is one
// too: an empty status.
func (c *Core) statusChecked(k *checker, r Checked) {
	t := k.task
	result := emptyCheckStatus(t.rec.Info.Check)
	if r.Failure == "" {
		switch result.GetType() {
		case mesos.CheckInfo_COMMAND:
			result.Command.ExitCode = new(int32(r.Code))
		case mesos.CheckInfo_HTTP:
			result.Http.StatusCode = new(uint32(r.Code))
		case mesos.CheckInfo_TCP:
			result.Tcp.Succeeded = new(r.Code == 0)
		}
	}
	if k.result != nil && k.result.EqualVT(result) {
		return
	}
	k.result = result
	c.update(t, status{
		state: t.state(), source: mesos.TaskStatus_SOURCE_EXECUTOR, healthy: t.lastStatus().Healthy, check: result,
		reason: mesos.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED.Enum(),
	})
}

// emptyCheckStatus is the status of a check without a result.
func emptyCheckStatus(info *mesos.CheckInfo) *mesos.CheckStatusInfo {
	s := &mesos.CheckStatusInfo{Type: info.GetType().Enum()}
	switch info.GetType() {
	case mesos.CheckInfo_COMMAND:
		s.Command = &mesos.CheckStatusInfo_Command{}
	case mesos.CheckInfo_HTTP:
		s.Http = &mesos.CheckStatusInfo_Http{}
	case mesos.CheckInfo_TCP:
		s.Tcp = &mesos.CheckStatusInfo_Tcp{}
	}
	return s
}

// checkStatus is what every status of a task with a check carries: the last result
// or an empty one. Custom executors check their tasks themselves.
func (t *task) checkStatus() *mesos.CheckStatusInfo {
	if t.rec.Info.Check == nil || t.ct == nil || t.ct.custom() {
		return nil
	}
	if last := t.lastStatus().CheckStatus; last != nil {
		return last
	}
	return emptyCheckStatus(t.rec.Info.Check)
}

// lastStatus is the latest status of t, an empty one if there is none.
func (t *task) lastStatus() *mesos.TaskStatus {
	if n := len(t.prog.Statuses); n > 0 {
		return t.prog.Statuses[n-1]
	}
	return &mesos.TaskStatus{}
}
