package view

import (
	"hash/maphash"
	"iter"

	"github.com/caprock/caprock/store/record"
)

const chunkSize = 256

// chunk is a piece of a table. It may be changed in place only by the writer
// and only while its epoch is the view's: otherwise a snapshot shares it.
type chunk[T any] struct {
	epoch uint64
	items [chunkSize]*T
}

// slotKey stands for an id: 128 bits of hashes with seeds that nobody outside knows. An
// id itself takes four times the memory, of which there are millions. That two ids of a
// trillion share a key is less likely than a fault of the machine.
type slotKey [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// factors tell the parts of an id from each other: odd, so that none is lost.
var factors = [...]uint64{1, 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0xd6e8feb86659fd93}

// keyOf hashes the parts that are there. The kind is the table's.
func keyOf(id record.ID) (key slotKey) {
	for h := range key {
		sum := id.Number * factors[3]
		for i, part := range id.Parts {
			if part != "" {
				sum += maphash.String(seeds[h], part) * factors[i]
			}
		}
		key[h] = sum
	}
	return key
}

// table holds the current entities of one kind. Its View's mu guards it.
type table[T any] struct {
	slots  map[slotKey]uint32
	chunks []*chunk[T]
	free   freeSlots
	next   uint32 // slots below it have been used
}

// Frozen is a table as a snapshot sees it.
type Frozen[T any] struct {
	chunks []*chunk[T]
	count  int
}

// Len returns the number of entities.
func (f *Frozen[T]) Len() int { return f.count }

// All walks the entities in the order of their slots.
func (f *Frozen[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, c := range f.chunks {
			for _, item := range c.items {
				if item != nil && !yield(item) {
					return
				}
			}
		}
	}
}

func (t *table[T]) freeze() Frozen[T] {
	return Frozen[T]{chunks: append([]*chunk[T](nil), t.chunks...), count: len(t.slots)}
}

// get returns the current entity, nil if there is none.
func (t *table[T]) get(id record.ID) *T {
	slot, ok := t.slots[keyOf(id)]
	if !ok {
		return nil
	}
	return t.chunks[slot/chunkSize].items[slot%chunkSize]
}

func (t *table[T]) put(epoch uint64, id record.ID, item *T) {
	key := keyOf(id)
	slot, ok := t.slots[key]
	if !ok {
		slot = t.allocate(epoch)
		if t.slots == nil {
			t.slots = map[slotKey]uint32{}
		}
		t.slots[key] = slot
	}
	t.own(epoch, slot/chunkSize).items[slot%chunkSize] = item
}

func (t *table[T]) remove(epoch uint64, id record.ID) {
	key := keyOf(id)
	slot, ok := t.slots[key]
	if !ok {
		return
	}
	delete(t.slots, key)
	t.free.add(slot)
	t.own(epoch, slot/chunkSize).items[slot%chunkSize] = nil
}

func (t *table[T]) allocate(epoch uint64) uint32 {
	if slot, ok := t.free.take(); ok {
		return slot
	}
	slot := t.next
	t.next++
	if int(slot/chunkSize) == len(t.chunks) {
		t.chunks = append(t.chunks, &chunk[T]{epoch: epoch})
	}
	return slot
}

// own returns a chunk that no snapshot shares, copying it if need be.
func (t *table[T]) own(epoch uint64, i uint32) *chunk[T] {
	c := t.chunks[i]
	if c.epoch != epoch {
		c = &chunk[T]{epoch: epoch, items: c.items}
		t.chunks[i] = c
	}
	return c
}
