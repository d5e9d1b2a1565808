package journal

import (
	"fmt"
	"time"

	"github.com/caprock/caprock/store/kv"
)

// Batch collects the writes of one decision round. It is filled by one
// goroutine and belongs to the journal once appended.
type Batch struct {
	b       *kv.Batch
	records int // writes in it when it was appended; 0 is not written at all
	done    func(error)
	at      time.Duration // when it was appended
}

// NewBatch returns an empty batch with room for sizeHint bytes.
func (j *Journal) NewBatch(sizeHint int) *Batch { return &Batch{b: j.db.NewBatch(sizeHint)} }

// Set stores value under key; both are copied. The key must not be empty and
// must not start with a zero byte: those keys are the journal's.
func (b *Batch) Set(key, value []byte) {
	checkKey(key)
	b.b.Set(key, value)
}

// Put makes room for valueLen bytes under key and lets fill write them in
// place, which saves an encoder its own buffer and a copy.
func (b *Batch) Put(key []byte, valueLen int, fill func(value []byte)) {
	checkKey(key)
	b.b.Grow(key, valueLen, fill)
}

// Delete removes key; a missing key is fine.
func (b *Batch) Delete(key []byte) {
	checkKey(key)
	b.b.Delete(key)
}

// Count returns the number of writes in the batch.
func (b *Batch) Count() int { return b.b.Count() }

// Bytes returns the encoded size of the batch.
func (b *Batch) Bytes() int { return b.b.Bytes() }

func checkKey(key []byte) {
	if len(key) == 0 || key[0] == 0 {
		panic(fmt.Sprintf("BUG: record key %q, wanted one that does not start with a zero byte", key))
	}
}
