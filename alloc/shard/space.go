package shard

import (
	"math/bits"
	"sync"

	"github.com/caprock/caprock/wire/resource"
)

// Slot is the number of an agent's row. A slot is used again after its agent
// is removed; Row.Gen tells the two agents apart.
type Slot = uint32

// Space is all shards.
type Space struct {
	shards []Shard
	shift  uint // slot >> shift is the row within the shard
	mask   uint32
	stride int
	free   []uint64 // bit set: slot is free; slots beyond are free too
	hint   int      // no free slot below free[hint]
	count  int
}

// Shard is the part of the table for the slots that are congruent to its
// number. All slices are parallel, one element (or stride elements) per row.
type Shard struct {
	mu     sync.RWMutex
	stride int // of Total and Avail

	Rows      []Row
	Total     []int64 // plain scalars of the agent
	Avail     []int64 // of those, what is neither offered nor allocated
	TotalRest []resource.Resources
	Blocked   [][]uint64 // bitset of claims that may not get the agent; nil: none
	Roof      []*Roof    // what refusals of everything cover, see Row.Covers
	Cold      []any      // what the cycle does not look at

	// Dense masks, a bit per row. Idle: nobody can use what the row has, as far as is known.
	// Scant: that is so whoever takes part, for it is below every minimum.
	Used, HasAvail, Idle, Scant, Offerable []uint64

	Index Index
}

// Row is what the cycle looks at for every agent besides its available vector. It is
// 64 bytes, so that a visit touches one cache line of it.
type Row struct {
	ID        string
	AvailRest resource.Resources
	Class     int32
	Holdings  int32  // first of the chain of what frameworks hold here; -1: none
	Covers    uint32 // number of claims blocked by a refusal of everything that is available
	Partials  uint32 // number of refusals that cover only a part
	Gen       uint32
	Traits    Trait
}

// Trait says what there is to know about a row before looking at it closely.
type Trait uint8

const (
	// Complex rows have something available that is reserved, revocable, shared
	// or a scalar with disk or provider: the general rules apply.
	Complex Trait = 1 << iota
	// GPU rows have GPUs in their total.
	GPU
	// Over rows are held to more than the agent has.
	Over
	// Barred rows have a bitset in Shard.Blocked, which may be empty by now.
	Barred
)

// Roof is a set of resources that the available ones of a row have not grown
// beyond since refusals of all of them were recorded.
type Roof struct {
	Plain []int64
	Rest  resource.Resources
}

// NewSpace returns an empty space of 1 to 256 shards, rounded up to a power of
// two, with rows for stride dimensions.
func NewSpace(shards, stride int) *Space {
	shards = min(max(shards, 1), 256)
	shift := uint(bits.Len(uint(shards - 1)))
	s := &Space{shards: make([]Shard, 1<<shift), shift: shift, mask: 1<<shift - 1, stride: stride}
	for i := range s.shards {
		s.shards[i].Index.init()
		s.shards[i].stride = stride
	}
	return s
}

// Slots are dealt to shards in blocks of 64, one word of a mask.
const blockBits = 6

// At returns the shard and the row of a slot.
func (s *Space) At(slot Slot) (*Shard, int) {
	block := slot >> blockBits
	return &s.shards[block&s.mask], int(block>>s.shift<<blockBits | slot&(1<<blockBits-1))
}

func (s *Space) shardOf(slot Slot) *Shard { return &s.shards[slot>>blockBits&s.mask] }

// Shards returns the number of shards.
func (s *Space) Shards() int { return len(s.shards) }

// Shard returns shard i and the function from its rows to slots.
func (s *Space) Shard(i int) *Shard { return &s.shards[i] }

// SlotOf returns the slot of a row of shard i.
func (s *Space) SlotOf(i, row int) Slot {
	block := Slot(row)>>blockBits<<s.shift | Slot(i)
	return block<<blockBits | Slot(row)&(1<<blockBits-1)
}

// Stride returns the length of the rows of Total and Avail.
func (s *Space) Stride() int { return s.stride }

// Len returns the number of slots in use.
func (s *Space) Len() int { return s.count }

// Limit returns a number above every slot in use.
func (s *Space) Limit() Slot {
	n := 0
	for i := range s.shards {
		n = max(n, len(s.shards[i].Rows))
	}
	blocks := (n + 1<<blockBits - 1) >> blockBits
	return Slot(blocks) << s.shift << blockBits
}

// Lock takes the lock of a slot's shard for writing; the result releases it.
func (s *Space) Lock(slot Slot) *sync.RWMutex {
	mu := &s.shardOf(slot).mu
	mu.Lock()
	return mu
}

// LockAll takes every lock in order, for a whole cycle.
func (s *Space) LockAll() {
	for i := range s.shards {
		s.shards[i].mu.Lock()
	}
}

// UnlockAll releases what LockAll took.
func (s *Space) UnlockAll() {
	for i := range s.shards {
		s.shards[i].mu.Unlock()
	}
}

// Widen gives rows more dimensions.
func (s *Space) Widen(stride int) {
	if stride <= s.stride {
		return
	}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.Total = widen(sh.Total, s.stride, stride)
		sh.Avail = widen(sh.Avail, s.stride, stride)
		sh.stride = stride
		for _, r := range sh.Roof {
			if r != nil {
				r.Plain = append(r.Plain, make([]int64, stride-len(r.Plain))...)
			}
		}
		sh.mu.Unlock()
	}
	s.stride = stride
}

func widen(v []int64, from, to int) []int64 {
	out := make([]int64, len(v)/from*to)
	for i := 0; i < len(v)/from; i++ {
		copy(out[i*to:], v[i*from:(i+1)*from])
	}
	return out
}

// Add gives a new agent the lowest free slot, with an empty row.
func (s *Space) Add(id string) Slot {
	slot := s.lowest()
	s.insert(slot, id)
	return slot
}

func (s *Space) insert(slot Slot, id string) {
	sh, row := s.At(slot)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for len(sh.Rows) <= row {
		sh.grow(s.stride)
	}
	sh.Rows[row].ID = id
	set(sh.Used, row)
	sh.Index.Changed = true
	s.count++
}

func (s *Space) lowest() Slot {
	for ; s.hint < len(s.free); s.hint++ {
		if w := s.free[s.hint]; w != 0 {
			b := bits.TrailingZeros64(w)
			s.free[s.hint] &^= 1 << b
			return Slot(s.hint*64 + b)
		}
	}
	s.free = append(s.free, ^uint64(1))
	return Slot(s.hint * 64)
}

func (sh *Shard) grow(stride int) {
	sh.Rows = append(sh.Rows, Row{Holdings: -1})
	for range stride {
		sh.Total = append(sh.Total, 0)
		sh.Avail = append(sh.Avail, 0)
	}
	sh.TotalRest = append(sh.TotalRest, nil)
	sh.Blocked = append(sh.Blocked, nil)
	sh.Roof = append(sh.Roof, nil)
	sh.Cold = append(sh.Cold, nil)
	if len(sh.Used)*64 < len(sh.Rows) {
		sh.Used = append(sh.Used, 0)
		sh.HasAvail = append(sh.HasAvail, 0)
		sh.Idle = append(sh.Idle, 0)
		sh.Scant = append(sh.Scant, 0)
		sh.Offerable = append(sh.Offerable, 0)
	}
}

// Remove frees a slot and clears its row. The caller has emptied the chain of
// holdings and taken the slot out of the indices.
func (s *Space) Remove(slot Slot) {
	sh, row := s.At(slot)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.Rows[row] = Row{Holdings: -1, Gen: sh.Rows[row].Gen + 1}
	clear(sh.TotalRow(row, s.stride))
	clear(sh.AvailRow(row, s.stride))
	sh.TotalRest[row], sh.Blocked[row], sh.Roof[row], sh.Cold[row] = nil, nil, nil, nil
	unset(sh.Used, row)
	unset(sh.HasAvail, row)
	unset(sh.Idle, row)
	unset(sh.Scant, row)
	unset(sh.Offerable, row)
	s.count--
	w := int(slot / 64)
	s.free[w] |= 1 << (slot % 64)
	s.hint = min(s.hint, w)
}

// TotalRow returns the plain scalars that the agent has.
func (sh *Shard) TotalRow(row, stride int) []int64 {
	return sh.Total[row*stride : row*stride+stride : row*stride+stride]
}

// AvailRow returns the plain scalars that are neither offered nor allocated.
func (sh *Shard) AvailRow(row, stride int) []int64 {
	return sh.Avail[row*stride : row*stride+stride : row*stride+stride]
}

// Note records in the dense masks whether a row has anything available. A row
// whose resources grew is no longer known to be of no use.
func (sh *Shard) Note(row int, hasAvail, grew bool) {
	if hasAvail {
		set(sh.HasAvail, row)
	} else {
		unset(sh.HasAvail, row)
	}
	if grew {
		unset(sh.Idle, row)
		unset(sh.Scant, row)
	}
}

// Wake forgets that a row is of no use to those who took part so far.
func (sh *Shard) Wake(row int) { unset(sh.Idle, row) }

// Rest remembers that nobody can use what a row has, until Wake.
func (sh *Shard) Rest(row int) { set(sh.Idle, row) }

// RestScant remembers that what a row has is below every minimum, until it grows or
// ForgetScant.
func (sh *Shard) RestScant(row int) { set(sh.Scant, row) }

// IsScant says whether what a row has is known to be below every minimum.
func (sh *Shard) IsScant(row int) bool { return test(sh.Scant, row) }

// WakeAll forgets that any row is of no use to those who took part so far. Rows that are
// below every minimum stay at rest: somebody more who takes part changes nothing for them.
func (s *Space) WakeAll() {
	for i := range s.shards {
		clear(s.shards[i].Idle)
	}
}

// ForgetScant is for when minima change.
func (s *Space) ForgetScant() {
	for i := range s.shards {
		clear(s.shards[i].Scant)
	}
}

func set(m []uint64, i int)   { m[i>>6] |= 1 << (i & 63) }
func unset(m []uint64, i int) { m[i>>6] &^= 1 << (i & 63) }
func test(m []uint64, i int) bool {
	return m[i>>6]&(1<<(i&63)) != 0
}

// Candidates appends the slots in use that may be offered, have something
// available and are not known to be of no use, in slot order.
func (s *Space) Candidates(dst []Slot) []Slot {
	s.SetOfferable()
	for block := range uint32(s.Limit() >> blockBits) {
		sh, w := &s.shards[block&s.mask], int(block>>s.shift)
		if w >= len(sh.Used) {
			continue
		}
		for m := sh.Offerable[w] & sh.HasAvail[w] &^ (sh.Idle[w] | sh.Scant[w]); m != 0; m &= m - 1 {
			dst = append(dst, block<<blockBits|Slot(bits.TrailingZeros64(m)))
		}
	}
	return dst
}

// IsCandidate says whether Candidates would yield the slot.
func (s *Space) IsCandidate(slot Slot) bool {
	s.SetOfferable()
	sh, row := s.At(slot)
	return test(sh.Offerable, row) && test(sh.HasAvail, row) && !test(sh.Idle, row) && !test(sh.Scant, row)
}

// InUse says whether the slot has an agent.
func (s *Space) InUse(slot Slot) bool {
	sh, row := s.At(slot)
	return row < len(sh.Rows) && test(sh.Used, row)
}

// Usage adds up the plain scalars of all agents: what they have and what is
// available. It may be called from any goroutine.
func (s *Space) Usage() (total, available []int64) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		stride := sh.stride
		for len(total) < stride {
			total, available = append(total, 0), append(available, 0)
		}
		for j, x := range sh.Total {
			total[j%stride] += x
		}
		for j, x := range sh.Avail {
			available[j%stride] += x
		}
		sh.mu.RUnlock()
	}
	return total, available
}

// IsAvailable says whether a row has anything available.
func (sh *Shard) IsAvailable(row int) bool { return test(sh.HasAvail, row) }

// IsOfferable says whether a row still has something available and may be offered.
func (sh *Shard) IsOfferable(row int) bool {
	return test(sh.HasAvail, row) && test(sh.Offerable, row)
}

// MayBeOffered says whether the slot's agent is neither deactivated nor off the
// white list, whatever is available on it.
func (s *Space) MayBeOffered(slot Slot) bool {
	s.SetOfferable()
	sh, row := s.At(slot)
	return test(sh.Offerable, row)
}

// AnyOfferable says whether there is an agent that may be offered.
func (s *Space) AnyOfferable() bool {
	s.SetOfferable()
	for i := range s.shards {
		for _, w := range s.shards[i].Offerable {
			if w != 0 {
				return true
			}
		}
	}
	return false
}

const wordsInLine = 8

// Warm reads a little of each slot's row, so that the processor fetches the rows
// side by side before they are visited one after the other. The result only
// keeps the reads from being optimized away.
func (s *Space) Warm(slots []Slot) (sum int64) {
	for _, slot := range slots {
		sh, row := s.At(slot)
		r := &sh.Rows[row]
		sum += int64(r.Class) + sh.Avail[row*s.stride]
		if r.Traits&Barred != 0 {
			for b := sh.Blocked[row]; len(b) > 0; b = b[min(len(b), wordsInLine):] {
				sum += int64(b[0])
			}
		}
	}
	return sum
}

// AddAt gives an agent a certain free slot, as when a snapshot is restored.
func (s *Space) AddAt(slot Slot, id string) {
	for int(slot/64) >= len(s.free) {
		s.free = append(s.free, ^uint64(0))
	}
	s.free[slot/64] &^= 1 << (slot % 64)
	s.insert(slot, id)
}
