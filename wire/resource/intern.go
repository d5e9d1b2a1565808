package resource

import (
	"hash/maphash"
	"runtime"
	"sync"
	"weak"
)

// internShards is the number of parts of the intern table, each with its own lock, so that
// connections that decode at the same time seldom meet. A power of two.
const internShards = 64

// kinds is the intern table: from key to kind. It refers to kinds weakly. A kind lives as long as
// some entry, kind or caller refers to it; when it is collected, a cleanup takes its slot out of
// the table. So the table is as large as what is in use, whatever clients have sent so far.
//
// Only lookup speed depends on the table, never a result: a kind that was collected is
// built anew with the same content.
var kinds = newKindTable()

type kindTable struct {
	seed   maphash.Seed
	shards [internShards]kindShard
}

type kindShard struct {
	mu struct {
		sync.RWMutex
		byKey map[string]weak.Pointer[Kind]
	}
	_ [64]byte // keep the locks of two shards on different cache lines
}

func newKindTable() *kindTable {
	t := &kindTable{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].mu.byKey = map[string]weak.Pointer[Kind]{}
	}
	return t
}

func (t *kindTable) shard(key []byte) *kindShard {
	return &t.shards[maphash.Bytes(t.seed, key)%internShards]
}

// lookup returns the live kind with this key, or nil. It does not allocate.
func (t *kindTable) lookup(key []byte) *Kind {
	s := t.shard(key)
	s.mu.RLock()
	kind := s.mu.byKey[string(key)].Value()
	s.mu.RUnlock()
	return kind
}

// insert publishes a kind and returns it, or the one that another goroutine published first.
func (t *kindTable) insert(kind *Kind) *Kind {
	s := t.shard([]byte(kind.key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if present := s.mu.byKey[kind.key].Value(); present != nil {
		return present
	}
	s.mu.byKey[kind.key] = weak.Make(kind)
	runtime.AddCleanup(kind, s.forget, kind.key)
	return kind
}

// forget removes the slot of a collected kind, unless the key has been taken by a new one.
func (s *kindShard) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.byKey[key].Value() == nil {
		delete(s.mu.byKey, key)
	}
}

// InternedKinds returns the number of slots of the intern table, for metrics. Slots of kinds
// that were collected but not yet cleaned up count.
func InternedKinds() int {
	total := 0
	for i := range kinds.shards {
		s := &kinds.shards[i]
		s.mu.RLock()
		total += len(s.mu.byKey)
		s.mu.RUnlock()
	}
	return total
}
