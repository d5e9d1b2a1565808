package record

import (
	"bytes"

	"github.com/caprock/caprock/wire/mesos"
)

// A decoded message has a small piece of memory of its own for each number. Those of
// which there are few are shared among all statuses: of half a million tasks they are
// tens of megabytes.
var (
	taskStates = enums(mesos.TaskState_name, mesos.TaskState.Enum)
	sources    = enums(mesos.TaskStatus_Source_name, mesos.TaskStatus_Source.Enum)
	reasons    = enums(mesos.TaskStatus_Reason_name, mesos.TaskStatus_Reason.Enum)
	yes, no    = true, false
)

func enums[E ~int32](names map[int32]string, pointer func(E) *E) map[E]*E {
	all := map[E]*E{}
	for number := range names {
		all[E(number)] = pointer(E(number))
	}
	return all
}

// ShareNumbers replaces what a status that was just decoded points to, and nobody has seen
// yet, by what all statuses share. The message says the same as before.
func ShareNumbers(s *mesos.TaskStatus) {
	if s == nil {
		return
	}
	s.State, s.Source, s.Reason = known(taskStates, s.State), known(sources, s.Source), known(reasons, s.Reason)
	switch {
	case s.Healthy == nil:
	case *s.Healthy:
		s.Healthy = &yes
	default:
		s.Healthy = &no
	}
}

func known[E comparable](all map[E]*E, p *E) *E {
	if p == nil {
		return nil
	}
	if k := all[*p]; k != nil {
		return k
	}
	return p
}

// mostNames bounds the names that a Decoder remembers. Names of tasks are mostly copies of a few, and
// where they are not, remembering costs more than it saves.
const mostNames = 4096

// share does the same for a task, whose last status says much of what it says itself, and whose
// name others have.
func (d *Decoder) share(t *mesos.Task) {
	t.State, t.StatusUpdateState = known(taskStates, t.State), known(taskStates, t.StatusUpdateState)
	for _, s := range t.Statuses {
		ShareNumbers(s)
		if len(s.Uuid) > 0 && bytes.Equal(s.Uuid, t.StatusUpdateUuid) {
			t.StatusUpdateUuid = s.Uuid
		}
	}
	if t.Name == nil {
		return
	}
	if name, ok := d.names[*t.Name]; ok {
		t.Name = name
	} else if len(d.names) < mostNames {
		d.names[*t.Name] = t.Name
	}
}
