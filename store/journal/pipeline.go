package journal

import (
	"encoding/binary"
	"fmt"
)

// Append hands b over and returns its sequence number. When b and every batch
// before it are durable, done(nil) runs on the journal's own goroutine: those of
// later batches wait for it, and it must not call Append. If the journal fails first, done
// gets the failure and nothing may be answered. An empty batch is not written
// but keeps its place in the order, so done still means "everything before".
//
// Append blocks while the queue is full. Once the journal has failed or is
// closing it returns an error, and done is never called.
func (j *Journal) Append(b *Batch, done func(error)) (uint64, error) {
	select {
	case j.slots <- struct{}{}:
	default:
		j.metrics.stalls.Add(1)
		select {
		case j.slots <- struct{}{}:
		case <-j.stopping:
			return 0, j.refusal()
		}
	}
	j.mu.Lock()
	if j.mu.stopped {
		j.mu.Unlock()
		<-j.slots
		return 0, j.refusal()
	}
	defer j.mu.Unlock()
	b.records, b.done, b.at = b.b.Count(), done, j.now()
	if b.records > 0 {
		j.mu.seq++
		b.b.Set(seqKey, binary.BigEndian.AppendUint64(nil, j.mu.seq))
	}
	j.metrics.appended(b)
	j.queue <- b
	return j.mu.seq, nil
}

func (j *Journal) refusal() error {
	if err := j.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// commit writes queued batches to the store's log, in order, without waiting
// for the disk. It ends after a stop, when what was queued has been passed on.
func (j *Journal) commit() {
	var current *Batch
	defer func() {
		// On some failures the store ends the goroutine that writes; then the
		// batch in hand and those behind it still get their answer.
		if current != nil {
			j.fail(fmt.Errorf("the store ended the committer: %w", j.db.Err()))
			j.applied <- current
			j.passOn()
		}
		close(j.applied)
	}()
	for {
		select {
		case current = <-j.queue:
			j.apply(current)
			j.applied <- current
			current = nil
		case <-j.db.Failed():
			j.fail(j.db.Err())
			j.passOn()
			return
		case <-j.stopping:
			// Nothing is queued after a stop, so this sees everything.
			for len(j.queue) > 0 {
				current = <-j.queue
				j.apply(current)
				j.applied <- current
				current = nil
			}
			return
		}
	}
}

// passOn hands what is queued to the completer unwritten, after a failure.
func (j *Journal) passOn() {
	for len(j.queue) > 0 {
		j.applied <- <-j.queue
	}
}

func (j *Journal) apply(b *Batch) {
	if b.records == 0 || j.Err() != nil {
		return
	}
	if err := b.b.Apply(); err != nil {
		j.fail(err)
	}
}

// complete waits for the batches in order and answers each.
func (j *Journal) complete() {
	defer close(j.finished)
	for b := range j.applied {
		err := j.Err()
		if err == nil && b.records > 0 {
			err = b.b.Wait()
		}
		if err != nil {
			j.fail(err)
			err = j.Err()
		} else {
			j.metrics.durable(b, j.now())
			b.b.Close()
		}
		<-j.slots
		if b.done != nil {
			b.done(err)
		}
	}
}
