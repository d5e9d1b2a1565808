package core

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/store/record"
)

// Records are the records of everything that lives, in key order: what a journal
// would hold. It is for tests, snapshots and followers, not for hot paths.
func (c *Core) Records() []record.Record {
	var all []record.Record
	put := func(key []byte, v record.Value) { all = append(all, record.Put(key, v)) }
	if c.meta.ClusterId != nil {
		put(record.MetaKey(), c.meta)
	}
	if c.maintenance.Rec.Schedule != nil {
		put(record.MaintenanceKey(), c.maintenance.Rec)
	}
	for name, r := range c.roles {
		put(record.RoleKey(name), r.Rec)
	}
	for _, set := range []map[string]*frameworkState{c.frameworks, c.completed} {
		for id, f := range set {
			put(record.FrameworkKey(id), f.cur.Rec)
			for task, t := range f.tasks {
				put(record.TaskKey(id, task), t.record())
			}
			for _, t := range f.done {
				put(record.CompletedTaskKey(id, t.serial), t.record())
			}
		}
	}
	for id, k := range c.kept {
		for _, v := range k.Values {
			put(record.KeptValueKey(id, v.GetKey()), v)
		}
	}
	for id, a := range c.agents {
		put(record.AgentKey(id), a.cur.Rec)
		for k, e := range a.executors {
			put(record.ExecutorKey(k.agent, k.framework, k.executor), e.Rec)
		}
		if a.head != nil {
			put(record.OutboxHeadKey(id), a.head)
		}
		for _, d := range a.outbox {
			put(record.OutboxKey(id, d.GetSeq()), &record.Outbox{AgentId: &id, Down: d})
		}
	}
	for uuid, o := range c.operations {
		put(record.OperationKey(uuid), o.Rec)
	}
	for first, b := range c.batches {
		put(record.OfferBatchKey(first), b.rec)
	}
	for id, o := range c.oldOffers {
		put(record.OfferKey(id), o)
	}
	slices.SortFunc(all, func(a, b record.Record) int { return bytes.Compare(a.Key, b.Key) })
	return all
}

// Hash identifies the durable state: two Cores that were given the same records
// have equal hashes, however they came by them.
func (c *Core) Hash() [32]byte {
	h := sha256.New()
	for _, r := range c.Records() {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.Value.(proto.Message))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		fmt.Fprintf(h, "%d %d ", len(r.Key), len(value))
		h.Write(r.Key)
		h.Write(value)
	}
	return [32]byte(h.Sum(nil))
}
