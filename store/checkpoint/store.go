package checkpoint

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Record is a key with its value; a nil Value deletes the key.
type Record struct {
	Key   string
	Value []byte
}

// Store is a keyed state on disk. It holds no copy of the state: the caller keeps
// it and hands it over whole when a new snapshot is due.
//
// Files carry a generation g: snapshot-g is the state when the generation began,
// log-g what changed since. The generation before is kept, so a damaged snapshot
// is replaced by its predecessor and both logs.
type Store struct {
	fsys FS
	dir  string
	gen  uint64
	log  *Log
	buf  []byte
	// baseBytes is the size of the snapshot that the log builds on.
	baseBytes int64
}

// minRotateBytes keeps small states from writing a snapshot every few commits.
const minRotateBytes = 1 << 20

// Recovery says how much of a store was found.
type Recovery struct {
	// Fresh is true if there was no state at all.
	Fresh bool
	// FellBack is true if the newest snapshot was damaged.
	FellBack bool
	// Damage sums up the logs that were read.
	Damage LogDamage
}

// OpenStore reads the state in dir, calling load for each record in the order of
// writing (a later record of a key replaces an earlier one). Call Rotate before
// the first Commit.
func OpenStore(fsys FS, dir string, load func(Record) error) (*Store, Recovery, error) {
	var rec Recovery
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, rec, fmt.Errorf("make state directory %s: %w", dir, err)
	}
	snaps, logs, err := generations(fsys, dir)
	if err != nil {
		return nil, rec, err
	}
	s := &Store{fsys: fsys, dir: dir}
	s.gen = max(last(snaps), last(logs))
	if len(snaps) == 0 {
		// A log without any snapshot is the trace of a first start that crashed
		// before its first Rotate was done: nothing was committed.
		rec.Fresh = true
		return s, rec, nil
	}
	base, err := s.loadSnapshot(snaps, load)
	if err != nil {
		return nil, rec, err
	}
	rec.FellBack = base != last(snaps)
	for _, g := range logs {
		if g < base {
			continue
		}
		damage, err := ReadLog(fsys, s.logPath(g), func(p []byte) error { return decodeBatch(p, load) })
		rec.Damage.TornBytes += damage.TornBytes
		rec.Damage.Skipped += damage.Skipped
		if err != nil {
			return nil, rec, err
		}
	}
	return s, rec, nil
}

// loadSnapshot loads the newest intact snapshot and returns its generation.
func (s *Store) loadSnapshot(snaps []uint64, load func(Record) error) (uint64, error) {
	var first error
	for _, g := range slices.Backward(snaps) {
		batches, err := s.readSnapshot(g)
		for _, b := range batches {
			if err := decodeBatch(b, load); err != nil {
				return g, err
			}
		}
		if err == nil {
			return g, nil
		}
		if first == nil {
			first = err
		}
	}
	return 0, first
}

// ErrTooLong: the records of a Commit do not fit into one record of the log. Nothing was
// written; Rotate can write them, with everything else.
var ErrTooLong = errors.New("too much for one commit")

// Commit makes the records durable, all or none, with one write and one sync. After any error
// but ErrTooLong the store is of no use any more.
func (s *Store) Commit(records []Record) error {
	if len(records) == 0 {
		return nil
	}
	if s.log == nil {
		return errors.New("BUG: checkpoint store committed to before its first Rotate")
	}
	s.buf = appendBatch(s.buf[:0], slices.Values(records))
	if n := len(s.buf); n > MaxRecord {
		s.buf = nil
		return fmt.Errorf("commit %d records of %d bytes, at most %d are allowed: %w", len(records), n, MaxRecord, ErrTooLong)
	}
	return s.log.Append(s.buf)
}

// RotateDue reports whether the log has outgrown the snapshot it builds on.
func (s *Store) RotateDue() bool {
	return s.log == nil || s.log.Size() > max(minRotateBytes, 2*s.baseBytes)
}

// Rotate begins a new generation whose snapshot holds the records of state,
// which is everything there is, and drops the generations before the last.
func (s *Store) Rotate(state func(yield func(Record) bool)) error {
	next := s.gen + 1
	log, err := CreateLog(s.fsys, s.logPath(next))
	if err != nil {
		return err
	}
	path := s.snapshotPath(next)
	size, err := writeSnapshot(s.fsys, path+tmpSuffix, state)
	if err != nil {
		return fmt.Errorf("write snapshot %s: %w", path, err)
	}
	if err := s.fsys.Rename(path+tmpSuffix, path); err != nil {
		return fmt.Errorf("name snapshot %s: %w", path, err)
	}
	if err := s.fsys.SyncDir(s.dir); err != nil {
		return fmt.Errorf("sync state directory %s: %w", s.dir, err)
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	s.gen, s.log, s.baseBytes, s.buf = next, log, size, nil
	return s.dropOld()
}

// dropOld removes what neither the current snapshot nor the one before it needs.
// What cannot be removed now is tried again at the next Rotate.
func (s *Store) dropOld() error {
	snaps, logs, err := generations(s.fsys, s.dir)
	if err != nil {
		return err
	}
	for len(snaps) > 2 {
		_ = s.fsys.Remove(s.snapshotPath(snaps[0]))
		snaps = snaps[1:]
	}
	for _, g := range logs {
		if g < snaps[0] {
			_ = s.fsys.Remove(s.logPath(g))
		}
	}
	return nil
}

// Close closes the log.
func (s *Store) Close() error {
	if s.log == nil {
		return nil
	}
	return s.log.Close()
}

const (
	snapshotPrefix = "snapshot-"
	logPrefix      = "log-"
)

func (s *Store) snapshotPath(g uint64) string {
	return filepath.Join(s.dir, snapshotPrefix+strconv.FormatUint(g, 10))
}

func (s *Store) logPath(g uint64) string {
	return filepath.Join(s.dir, logPrefix+strconv.FormatUint(g, 10))
}

// generations lists the generations that dir has snapshots and logs of, oldest
// first. Other names are ignored: a crash leaves temporary files behind.
func generations(fsys FS, dir string) (snaps, logs []uint64, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list state directory %s: %w", dir, err)
	}
	for _, name := range names {
		if g, ok := generationOf(name, snapshotPrefix); ok {
			snaps = append(snaps, g)
		}
		if g, ok := generationOf(name, logPrefix); ok {
			logs = append(logs, g)
		}
	}
	slices.Sort(snaps)
	slices.Sort(logs)
	return snaps, logs, nil
}

func generationOf(name, prefix string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	g, err := strconv.ParseUint(digits, 10, 64)
	return g, err == nil
}

func last(gens []uint64) uint64 {
	if len(gens) == 0 {
		return 0
	}
	return gens[len(gens)-1]
}
