package core

import "container/heap"

type timerKind uint8

const (
	timerPing timerKind = iota
	timerRetry
	timerKill
	timerCompletion
	timerRegister
	timerShutdown
	timerHeartbeat
	timerRecovery
	timerCheck
	timerOperation
)

// timer is an alarm. It is void if the field that it was armed for no longer
// holds its time: disarming is forgetting, and re-arming adds another.
type timer struct {
	at    int64
	order uint64
	kind  timerKind
	ct    *container
	proc  *process
	task  *task
	check *checker
	op    *operation
}

type timerHeap []timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timer)) }

func (h *timerHeap) Pop() any {
	old := *h
	n := len(old) - 1
	t := old[n]
	old[n] = timer{}
	*h = old[:n]
	return t
}

// field is where the deadline of a timer's kind is kept; 0 there means disarmed.
func (c *Core) field(t *timer) *int64 {
	switch t.kind {
	case timerPing:
		return &c.pingAt
	case timerRetry:
		return &t.task.retryAt
	case timerKill:
		return &t.proc.killAt
	case timerCompletion:
		return &t.task.completeAt
	case timerRegister:
		return &t.ct.registerAt
	case timerShutdown:
		return &t.ct.shutdownAt
	case timerHeartbeat:
		return &t.ct.heartbeatAt
	case timerCheck:
		return &t.check.at
	case timerOperation:
		return &t.op.retryAt
	default:
		return &c.recoverUntil
	}
}

// arm sets the deadline that t is about. Deadlines are never 0 on a running
// system, where Mono counts from boot or from the start of the program.
func (c *Core) arm(t timer) {
	t.at = max(t.at, 1)
	c.timerOrder++
	t.order = c.timerOrder
	*c.field(&t) = t.at
	heap.Push(&c.timers, t)
}

// NextDeadline is when the next Tick has something to do, on the Mono clock.
func (c *Core) NextDeadline() (int64, bool) {
	for len(c.timers) > 0 {
		t := &c.timers[0]
		if *c.field(t) == t.at {
			return t.at, true
		}
		heap.Pop(&c.timers)
	}
	return 0, false
}

func (c *Core) fireTimers() {
	for {
		at, ok := c.NextDeadline()
		if !ok || at > c.now.Mono {
			return
		}
		t := heap.Pop(&c.timers).(timer)
		*c.field(&t) = 0
		c.fire(t)
	}
}

func (c *Core) fire(t timer) {
	switch t.kind {
	case timerPing:
		c.registered = false
		c.emit(Reconnect{Why: "no frame from the allocator within the ping timeout"})
	case timerRetry:
		c.retryUpdate(t.task)
	case timerKill:
		c.killNow(t.proc)
	case timerCompletion:
		c.completionTimeReached(t.task)
	case timerRegister:
		c.registrationTimedOut(t.ct)
	case timerShutdown:
		c.shutdownTimedOut(t.ct)
	case timerHeartbeat:
		c.heartbeat(t.ct)
	case timerCheck:
		c.runCheck(t.check)
	case timerOperation:
		c.sendOperation(t.op)
	case timerRecovery:
		c.endRecovery()
	}
}
