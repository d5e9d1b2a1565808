package core

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// Tasks that end while their executor lives on, such as the members of a pod, are kept
// within bounds for readers: what they printed can be read for as long as the executor's
// sandbox is there. They have records, so that another agent process knows them too.

// doneTask is one of them; rec holds the task and the time of its end.
type doneTask struct {
	number uint64
	rec    *record.Completed
}

// keepDone files t away, whose executor lives on.
func (c *Core) keepDone(t *task) {
	ct, d := t.ct, doneTask{rec: &record.Completed{Tasks: []*mesos.Task{c.taskMessage(t)}, EndedAtNanos: new(c.now.Wall)}}
	if n := len(ct.done); n > 0 {
		d.number = ct.done[n-1].number + 1
	}
	c.put(record.DoneKey(ct.id(), d.number), d.rec)
	ct.done = append(ct.done, d)
	if discard, ok := c.discardMember(ct, d); ok {
		c.emit(discard)
	}
	if len(ct.done) > maxDoneTasks {
		c.erase(record.DoneKey(ct.id(), ct.done[0].number))
		ct.done = slices.Delete(ct.done, 0, 1)
	}
}

// discardMember lets the sandbox of a member be collected, if it has one of its own and
// the operator wants that before its pod is over.
func (c *Core) discardMember(ct *container, d doneTask) (Discard, bool) {
	if !c.opts.DiscardMembers || ct.kind() != record.Container_DEFAULT {
		return Discard{}, false
	}
	for _, st := range slices.Backward(d.rec.Tasks[0].Statuses) {
		if id := st.GetContainerStatus().GetContainerId(); id.GetParent().GetValue() == ct.id() {
			return Discard{
				ContainerID: discardID(ct, id.GetValue()), Directory: filepath.Join(ct.rec.GetDirectory(), "containers", id.GetValue()),
				EndedAt: d.rec.GetEndedAtNanos(),
			}, true
		}
	}
	return Discard{}, false
}

func discardID(ct *container, nested string) string { return ct.id() + "." + nested }

// collectedMember forgets a member whose sandbox was removed.
func (c *Core) collectedMember(id string) {
	pod, _, _ := strings.Cut(id, ".")
	ct := c.containers[pod]
	if ct == nil {
		return
	}
	ct.done = slices.DeleteFunc(ct.done, func(d doneTask) bool {
		discard, ok := c.discardMember(ct, d)
		if ok = ok && discard.ContainerID == id; ok {
			c.erase(record.DoneKey(ct.id(), d.number))
		}
		return ok
	})
}

// endedMembers lists the sandboxes of members that had ended before.
func (c *Core) endedMembers() (all []Discard) {
	for _, f := range c.order {
		for _, ct := range f.containers {
			for _, d := range ct.done {
				if discard, ok := c.discardMember(ct, d); ok {
					all = append(all, discard)
				}
			}
		}
	}
	return all
}

// forgetDone erases the records of a container's done tasks, which its own end takes over.
func (c *Core) forgetDone(ct *container) {
	for _, d := range ct.done {
		c.erase(record.DoneKey(ct.id(), d.number))
	}
	ct.done = nil
}

// doneTasks are the done tasks, in the order in which they ended.
func (ct *container) doneTasks() []*mesos.Task {
	var all []*mesos.Task
	for _, d := range ct.done {
		all = append(all, d.rec.Tasks...)
	}
	return all
}

// assembleDone gives containers their done tasks back.
func (c *Core) assembleDone(loaded map[string]*record.Completed) {
	for _, key := range sortedKeys(loaded) {
		parts, rec := record.Split(key), loaded[key]
		if len(parts) == 2 && len(rec.Tasks) == 1 {
			if n, err := strconv.ParseUint(parts[1], 10, 64); err == nil && c.containers[parts[0]] != nil {
				ct := c.containers[parts[0]]
				ct.done = append(ct.done, doneTask{n, rec})
				continue
			}
		}
		c.damaged(key)
	}
	for _, ct := range c.containers {
		slices.SortFunc(ct.done, func(a, b doneTask) int { return cmp.Compare(a.number, b.number) })
	}
}
