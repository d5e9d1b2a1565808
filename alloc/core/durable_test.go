package core

import (
	"log/slog"
	"testing"

	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/kv"
)

// durable keeps records as the allocator does, in a journal over a store, on a file
// system in memory that forgets what was not synced when the power goes.
type durable struct {
	t  testing.TB
	fs kv.CrashableFS
	db *kv.DB
	j  *journal.Journal
}

func newDurable(t testing.TB) *durable {
	d := &durable{t: t, fs: kv.NewCrashableFS()}
	d.open()
	return d
}

func (d *durable) open() {
	var err error
	if d.db, err = kv.Open("store", kv.Options{FS: d.fs.MemFS, MemTableBytes: 256 << 10, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		d.t.Fatal(err)
	}
	if d.j, err = journal.Open(d.db, journal.Options{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *durable) close() {
	if err := d.j.Close(); err != nil {
		d.t.Fatal(err)
	}
	if err := d.db.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// reopen closes the store and opens it again. With a seed the power goes first, and of
// what was not synced half is lost.
func (d *durable) reopen(seed uint64) {
	left := d.fs
	if seed != 0 {
		left = d.fs.Crash(50, seed)
	}
	d.close()
	d.fs = left
	d.open()
}

// entry is an encoded record; no value deletes.
type entry struct{ key, value []byte }

// commit returns when the records are durable.
func (d *durable) commit(records []entry) {
	b := d.j.NewBatch(0)
	for _, r := range records {
		if r.value == nil {
			b.Delete(r.key)
		} else {
			b.Set(r.key, r.value)
		}
	}
	done := make(chan error, 1)
	if _, err := d.j.Append(b, func(err error) { done <- err }); err != nil {
		d.t.Fatal(err)
	}
	if err := <-done; err != nil {
		d.t.Fatal(err)
	}
}

// load returns all records by their keys.
func (d *durable) load() map[string][]byte {
	all := map[string][]byte{}
	if err := d.j.Load(func(key, value []byte) error {
		all[string(key)] = append([]byte{}, value...)
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
	return all
}
