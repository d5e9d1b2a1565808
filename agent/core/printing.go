package core

import (
	"path/filepath"
	"slices"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// Printing is a process that writes to stdout and stderr in a sandbox.
type Printing struct {
	Directory string
	// Environment is what its command sets; nil for none.
	Environment *mesos.Environment
}

// Printing lists the processes that live, so that what they print can be kept
// within bounds.
func (c *Core) Printing() []Printing {
	var all []Printing
	for _, f := range c.order {
		for _, ct := range f.containers {
			if ct.proc != nil && !ct.proc.exited() {
				all = append(all, Printing{ct.rec.GetDirectory(), ct.rec.Executor.GetCommand().GetEnvironment()})
			}
			for _, t := range ct.tasks {
				if t.proc == nil || t.proc.exited() {
					continue
				}
				directory := ct.rec.GetDirectory()
				if nested := t.rec.GetNestedId(); nested != "" {
					directory = filepath.Join(directory, "containers", nested)
				}
				all = append(all, Printing{directory, t.rec.Info.GetCommand().GetEnvironment()})
			}
		}
	}
	return all
}

// TaskSandbox finds where a task's files are: in a sandbox of its own, or for a task
// of a custom executor in that executor's. Tasks that are over are found for as long
// as their sandbox is remembered. running says whether the task may still print;
// ok is false for a task that is not known here.
func (c *Core) TaskSandbox(framework, id string) (directory string, running, ok bool) {
	for _, f := range c.order {
		if f.id != framework {
			continue
		}
		if t := f.tasks[id]; t != nil && t.ct != nil {
			return taskDirectory(t.ct.kind(), t.ct.rec.GetDirectory(), id), !t.terminal() || t.proc != nil && !t.proc.exited(), true
		}
		for _, ct := range f.containers {
			if hasTask(ct.doneTasks(), id) {
				return taskDirectory(ct.kind(), ct.rec.GetDirectory(), id), false, true
			}
		}
	}
	// The latest of several runs under one id.
	for _, done := range slices.Backward(c.completed) {
		if done.Framework.Id.GetValue() == framework && hasTask(done.Tasks, id) {
			return taskDirectory(done.Container.GetKind(), done.Container.GetDirectory(), id), false, true
		}
	}
	return "", false, false
}

// taskDirectory is a task's own directory; that of a group's member is found by the
// link that its sandbox has in the executor's.
func taskDirectory(kind record.Container_Kind, directory, id string) string {
	if kind == record.Container_DEFAULT {
		return filepath.Join(directory, "tasks", id)
	}
	return directory
}

func hasTask(tasks []*mesos.Task, id string) bool {
	return slices.ContainsFunc(tasks, func(t *mesos.Task) bool { return t.TaskId.GetValue() == id })
}
