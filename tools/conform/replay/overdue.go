package replay

import "time"

// pause is how much of a recorded pause to keep. Where an update waits for its
// acknowledgement, and was repeated in the recording, it is repeated here, since the
// repetition tells the master what became of the task meanwhile.
func (r *runner) pause(recorded time.Duration) time.Duration {
	if recorded < repetition {
		return min(recorded, gapLimit)
	}
	for _, f := range r.frameworks {
		if _, ended := f.seen(); !ended && len(f.waiting()) > 0 {
			return repetition
		}
	}
	return gapLimit
}

// acknowledgeOverdue acknowledges what stands in the way of later updates that the
// recording has or waits for: the calls that did it are not among the transcripts.
func (r *runner) acknowledgeOverdue() {
	for _, f := range r.frameworks {
		if _, ended := f.seen(); ended {
			continue
		}
		for _, subject := range f.waiting() {
			u, ok := f.overdue(subject, func(state string) bool { return r.wantedLater(subject, state) })
			if ok && (r.followed(f, u) || r.wantedAtAll(subject)) {
				r.acknowledge(f, u)
			}
		}
	}
}

// followed says whether the recorded stream goes on with another update of the task.
func (r *runner) followed(f *framework, u liveUpdate) bool {
	if f.exchange == nil {
		return false
	}
	trees, _ := recordedTrees(f.exchange.Response.Events, f.api.event())
	seen := false
	for _, t := range trees {
		status := at(t, "update", "status")
		if textAt(status, "task_id", "value") != u.subject || textAt(status, "uuid") == "" {
			continue
		}
		if seen && textAt(status, "state") != u.state {
			return true
		}
		seen = seen || textAt(status, "state") == u.state
	}
	return false
}

// wantedAtAll says whether the step at hand acknowledges a later update of the task.
func (r *runner) wantedAtAll(subject string) bool {
	head := r.head()
	if head == nil || head.exchange == nil {
		return false
	}
	n := needsOf(head.exchange, r.past)
	return n.uuid != "" && n.subject == subject && !n.operation
}
