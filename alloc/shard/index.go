package shard

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Index is the roaring bitmaps of one shard. Members are slots.
type Index struct {
	attributes map[attribute]*roaring.Bitmap
	values     map[string][]string // attribute name → values with a bitmap, sorted
	reserved   map[string]*roaring.Bitmap
	sets       [lastSet]*roaring.Bitmap
	// Changed says that Offerable must be expanded again.
	Changed bool
}

type attribute struct{ name, value string }

// Set names one of the fixed sets of agents.
type Set uint8

const (
	// Deactivated agents get no offers.
	Deactivated Set = iota
	// Unlisted agents are not on the white list.
	Unlisted
	// GPUs, Revocable and Shared agents have such resources in their total.
	GPUs
	Revocable
	Shared
	// Maintenance agents have a maintenance window.
	Maintenance
	lastSet
)

func (x *Index) init() {
	x.attributes = make(map[attribute]*roaring.Bitmap)
	x.values = make(map[string][]string)
	x.reserved = make(map[string]*roaring.Bitmap)
	for i := range x.sets {
		x.sets[i] = roaring.New()
	}
}

// Put puts a slot into a set or takes it out.
func (s *Space) Put(which Set, slot Slot, in bool) {
	sh := s.shardOf(slot)
	if in {
		sh.Index.sets[which].Add(slot)
	} else {
		sh.Index.sets[which].Remove(slot)
	}
	if which <= Unlisted {
		sh.Index.Changed = true
	}
}

// Has says whether a slot is in a set.
func (s *Space) Has(which Set, slot Slot) bool {
	return s.shardOf(slot).Index.sets[which].Contains(slot)
}

// Members appends the slots of a set to dst in order.
func (s *Space) Members(which Set, dst []Slot) []Slot {
	for i := range s.shards {
		dst = appendMembers(dst, s.shards[i].Index.sets[which])
	}
	return s.ordered(dst)
}

// Size returns the number of slots in a set.
func (s *Space) Size(which Set) int {
	n := 0
	for i := range s.shards {
		n += int(s.shards[i].Index.sets[which].GetCardinality())
	}
	return n
}

func appendMembers(dst []Slot, b *roaring.Bitmap) []Slot {
	if b == nil || b.IsEmpty() {
		return dst
	}
	n := len(dst)
	dst = slices.Grow(dst, int(b.GetCardinality()))
	dst = dst[:n+int(b.GetCardinality())]
	b.ManyIterator().NextMany(dst[n:])
	return dst
}

// ordered sorts members collected shard by shard; one shard's are sorted already.
func (s *Space) ordered(slots []Slot) []Slot {
	if len(s.shards) > 1 {
		slices.Sort(slots)
	}
	return slots
}

// SetOfferable recomputes the dense mask of offerable rows from the sets: in
// use, not deactivated, on the white list.
func (s *Space) SetOfferable() {
	for i := range s.shards {
		sh := &s.shards[i]
		if !sh.Index.Changed {
			continue
		}
		sh.Index.Changed = false
		copy(sh.Offerable, sh.Used)
		for _, which := range [...]Set{Deactivated, Unlisted} {
			it := sh.Index.sets[which].Iterator()
			for it.HasNext() {
				_, row := s.At(it.Next())
				unset(sh.Offerable, row)
			}
		}
	}
}

// AddAttribute puts a slot under a value of an attribute.
func (s *Space) AddAttribute(slot Slot, name, value string) {
	x := &s.shardOf(slot).Index
	k := attribute{name, value}
	b := x.attributes[k]
	if b == nil {
		b = roaring.New()
		x.attributes[k] = b
		at, _ := slices.BinarySearch(x.values[name], value)
		x.values[name] = slices.Insert(x.values[name], at, value)
	}
	b.Add(slot)
}

// DropAttribute takes a slot away from a value of an attribute.
func (s *Space) DropAttribute(slot Slot, name, value string) {
	x := &s.shardOf(slot).Index
	k := attribute{name, value}
	b := x.attributes[k]
	if b == nil {
		return
	}
	b.Remove(slot)
	if !b.IsEmpty() {
		return
	}
	delete(x.attributes, k)
	at, _ := slices.BinarySearch(x.values[name], value)
	if x.values[name] = slices.Delete(x.values[name], at, at+1); len(x.values[name]) == 0 {
		delete(x.values, name)
	}
}

// WithAttribute adds to dst the slots that have the attribute with a value that
// keep accepts. keep is asked once per distinct value and shard.
func (s *Space) WithAttribute(dst *roaring.Bitmap, name string, keep func(value string) bool) {
	for i := range s.shards {
		x := &s.shards[i].Index
		for _, v := range x.values[name] {
			if keep(v) {
				dst.Or(x.attributes[attribute{name, v}])
			}
		}
	}
}

// AddReserved records that a slot has resources reserved for a role.
func (s *Space) AddReserved(slot Slot, role string) {
	x := &s.shardOf(slot).Index
	b := x.reserved[role]
	if b == nil {
		b = roaring.New()
		x.reserved[role] = b
	}
	b.Add(slot)
}

// DropReserved records that a slot has none any more.
func (s *Space) DropReserved(slot Slot, role string) {
	x := &s.shardOf(slot).Index
	if b := x.reserved[role]; b != nil {
		if b.Remove(slot); b.IsEmpty() {
			delete(x.reserved, role)
		}
	}
}

// ReservedFor appends the slots that have resources reserved for exactly this
// role, in order.
func (s *Space) ReservedFor(role string, dst []Slot) []Slot {
	for i := range s.shards {
		dst = appendMembers(dst, s.shards[i].Index.reserved[role])
	}
	return s.ordered(dst)
}

// All adds every slot in use to dst.
func (s *Space) All(dst *roaring.Bitmap) {
	for i := range s.shards {
		sh := &s.shards[i]
		for row := range sh.Rows {
			if test(sh.Used, row) {
				dst.Add(s.SlotOf(i, row))
			}
		}
	}
}
