package kv

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Batch is a set of writes that reach the disk together or not at all. It is
// used by one goroutine at a time: fill, Apply, Wait, Close.
type Batch struct {
	db *DB
	b  *pebble.Batch
}

// NewBatch returns an empty batch with room for sizeHint bytes.
func (d *DB) NewBatch(sizeHint int) *Batch {
	if sizeHint < 1<<10 {
		sizeHint = 1 << 10
	}
	return &Batch{db: d, b: d.peb.NewBatchWithSize(sizeHint)}
}

// Set stores value under key; both are copied.
func (b *Batch) Set(key, value []byte) { must(b.b.Set(key, value, nil)) }

// Grow makes room for a value of valueLen bytes under key and lets fill write
// it in place, so that an encoder needs no buffer of its own.
func (b *Batch) Grow(key []byte, valueLen int, fill func(value []byte)) {
	op := b.b.SetDeferred(len(key), valueLen)
	copy(op.Key, key)
	fill(op.Value)
	must(op.Finish())
}

// Delete removes key; a missing key is fine.
func (b *Batch) Delete(key []byte) { must(b.b.Delete(key, nil)) }

// Bytes returns the encoded size of the batch so far.
func (b *Batch) Bytes() int { return b.b.Len() }

// Count returns the number of writes in the batch.
func (b *Batch) Count() int { return int(b.b.Count()) }

// must holds what the library documents as never failing: filling a batch.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("BUG: filling a batch failed: %v", err))
	}
}

// Apply makes the batch visible to readers and hands it to the log, without
// waiting for the disk. Batches become durable in the order of their Apply
// calls, so these must come from one goroutine if order matters. An error is
// the store's failure, the same that Err returns; on some failures the calling
// goroutine ends instead of returning, so its owner should watch Failed.
func (b *Batch) Apply() (err error) {
	d := b.db
	if err := d.Err(); err != nil {
		return err
	}
	d.logs.wrote(b.b.Len())
	// The library means to end the process on a commit error, either by a
	// panic, which becomes our error here, or by Logger.Fatalf, which ends the
	// calling goroutine after recording the failure.
	defer func() {
		if r := recover(); r != nil {
			d.fail(fmt.Errorf("commit: %v", r))
			err = d.Err()
		}
	}()
	if d.opts.NoSync {
		err = d.peb.Apply(b.b, pebble.NoSync)
	} else {
		err = d.peb.ApplyNoSyncWait(b.b, pebble.Sync)
	}
	if err != nil {
		d.fail(fmt.Errorf("commit: %w", err))
		return d.Err()
	}
	return nil
}

// Wait returns once the applied batch is durable. After an error nothing is
// known about what the disk holds; the error is the store's failure.
func (b *Batch) Wait() error {
	if b.db.opts.NoSync {
		return b.db.Err()
	}
	if err := b.b.SyncWait(); err != nil {
		b.db.fail(fmt.Errorf("sync the log: %w", err))
	}
	return b.db.Err()
}

// Close releases the batch's memory. A batch that was applied must be waited
// for first.
func (b *Batch) Close() {
	if b.db.Err() == nil {
		_ = b.b.Close()
	}
}

// Commit applies the batch, waits until it is durable and releases it.
func (b *Batch) Commit() error {
	if err := b.Apply(); err != nil {
		return err
	}
	if err := b.Wait(); err != nil {
		return err
	}
	b.Close()
	return nil
}
