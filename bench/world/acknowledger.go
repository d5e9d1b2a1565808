package world

import (
	"errors"
	"slices"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// pipelined is how many acknowledgements are sent before the first answer is read.
const pipelined = 32

// Acknowledger confirms the updates of one framework, in their order and beside the
// event stream.
type Acknowledger struct {
	turns *Turns[*mesos.TaskStatus]
}

// NewAcknowledger makes one; failed is told of calls that fail.
func NewAcknowledger(f *Framework, failed func(error)) *Acknowledger {
	return &Acknowledger{NewTurns(func(batch []*mesos.TaskStatus) (err error) {
		for some := range slices.Chunk(batch, pipelined) {
			err = errors.Join(err, f.AcknowledgeAll(some, func(time.Duration) {}))
		}
		return err
	}, failed)}
}

// Put takes an update and returns at once. Those without uuid need no
// acknowledgement.
func (a *Acknowledger) Put(s *mesos.TaskStatus) {
	if len(s.GetUuid()) > 0 {
		a.turns.Put(s)
	}
}
