package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/caprock/caprock/wire/mesos"
)

// entry is what is known of one task.
type entry struct {
	accepted bool // the ACCEPT was answered 202; else its outcome is unknown
	end      mesos.TaskState
	ended    bool
	reason   mesos.TaskStatus_Reason
	message  string
}

// ledger holds every task the load has launched.
type ledger struct {
	mu struct {
		sync.Mutex
		tasks map[string]*entry
	}
}

func newLedger() *ledger {
	l := &ledger{}
	l.mu.tasks = map[string]*entry{}
	return l
}

// launched notes a task before its ACCEPT is sent, so that no update can come
// too early.
func (l *ledger) launched(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.tasks[id] = &entry{}
}

// answered notes that the ACCEPT of these tasks was answered 202.
func (l *ledger) answered(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.mu.tasks[id].accepted = true
	}
}

// refused forgets tasks whose ACCEPT was refused with an error status: nothing
// was promised. If one of them runs all the same, settle calls it unknown.
func (l *ledger) refused(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		delete(l.mu.tasks, id)
	}
}

// updated notes a terminal status; the first one counts, a repeated delivery
// says the same.
func (l *ledger) updated(status *mesos.TaskStatus) {
	if !terminal(status.GetState()) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.mu.tasks[status.GetTaskId().GetValue()]
	if e == nil || e.ended {
		return
	}
	e.ended, e.end, e.reason, e.message = true, status.GetState(), status.GetReason(), status.GetMessage()
}

// open lists the tasks that have no end yet: accepted, or of unknown outcome.
func (l *ledger) open() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for id, e := range l.mu.tasks {
		if !e.ended {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.tasks)
}

// duringLaunch ends what an agent says of a launch that its end has interrupted.
const duringLaunch = "the agent restarted while the container was being launched"

// verdict is the settled ledger.
type verdict struct {
	Accepted int // ACCEPTs answered 202, in tasks
	Unsure   int // the connection broke before an answer
	Finished int
	Reported int // never began, and the framework was told
	Why      map[string]int
	// Unlearned began once, and their end was reported as one that nobody could learn: the agent was killed
	// between the start of a process and the note of its pid, and found no process any more. A
	// kill can hit a launch like that, and seldom does.
	Unlearned []string
	Lost      []string
	Doubled   []string
}

func (v verdict) String() string {
	why := ""
	for _, reason := range slices.Sorted(maps.Keys(v.Why)) {
		why += fmt.Sprintf(" %d %s", v.Why[reason], reason)
	}
	return fmt.Sprintf("%d tasks accepted, %d of unknown outcome; %d finished, %d reported as not run%s; %d ended unseen, %d lost, %d doubled",
		v.Accepted, v.Unsure, v.Finished, v.Reported, why, len(v.Unlearned), len(v.Lost), len(v.Doubled))
}

// settle compares what was promised with what ran; begun counts each task's
// starts.
func (l *ledger) settle(begun map[string]int) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	var v verdict
	for id, e := range l.mu.tasks {
		runs := begun[id]
		if e.accepted {
			v.Accepted++
		} else {
			v.Unsure++
		}
		finished := e.ended && e.end == mesos.TaskState_TASK_FINISHED
		switch {
		case finished && runs > 0:
			v.Finished++
		case finished:
			v.Lost = append(v.Lost, id+": said to have finished, never began")
		case runs == 1 && e.ended && e.reason == mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED && strings.HasSuffix(e.message, duringLaunch):
			v.Unlearned = append(v.Unlearned, fmt.Sprintf("%s: began, ended as %v (%v): %s", id, e.end, e.reason, e.message))
		case runs > 0 && e.ended:
			v.Lost = append(v.Lost, fmt.Sprintf("%s: began, ended as %v (%v): %s", id, e.end, e.reason, e.message))
		case runs > 0:
			v.Lost = append(v.Lost, id+": began, no end was reported")
		case e.ended:
			v.Reported++
			if v.Why == nil {
				v.Why = map[string]int{}
			}
			v.Why[fmt.Sprintf("%v (%v)", e.end, e.reason)]++
		case e.accepted:
			v.Lost = append(v.Lost, id+": accepted, never began, nothing was reported")
		}
	}
	for id, runs := range begun {
		if runs > 1 {
			v.Doubled = append(v.Doubled, fmt.Sprintf("%s: began %d times", id, runs))
		}
		if l.mu.tasks[id] == nil {
			v.Lost = append(v.Lost, id+": runs although its ACCEPT was refused")
		}
	}
	sort.Strings(v.Unlearned)
	sort.Strings(v.Lost)
	sort.Strings(v.Doubled)
	return v
}

// terminal says whether a task in this state will never run again.
func terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TaskState_TASK_FINISHED, mesos.TaskState_TASK_FAILED, mesos.TaskState_TASK_KILLED,
		mesos.TaskState_TASK_ERROR, mesos.TaskState_TASK_LOST, mesos.TaskState_TASK_DROPPED,
		mesos.TaskState_TASK_GONE, mesos.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}
