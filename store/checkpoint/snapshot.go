package checkpoint

import (
	"bytes"
	"fmt"
)

// chunkBytes is how much of a state is in one frame of its snapshot, give or take a record.
const chunkBytes = 4 << 20

// A snapshot is one frame with a batch. A state that is longer than a chunk takes several, after a frame that says
// so and before an empty one, which says that none is missing.

// manyChunks is the batch that deletes the key without a name, which no state has.
var manyChunks = appendRecord(nil, Record{})

// writeSnapshot writes the records of state to a new file, durably, a chunk at a time, and returns its size.
func writeSnapshot(fsys FS, path string, state func(yield func(Record) bool)) (size int64, err error) {
	f, err := fsys.Create(path)
	if err != nil {
		return 0, err
	}
	w := snapshotWriter{file: f}
	for r := range state {
		if w.add(r); w.err != nil {
			break
		}
	}
	w.finish()
	err = w.err
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return w.size, err
}

// snapshotWriter keeps at most one chunk in memory.
type snapshotWriter struct {
	file    File
	batch   []byte
	chunked bool
	size    int64
	err     error
}

func (w *snapshotWriter) add(r Record) {
	if len(w.batch) > 0 && len(w.batch)+len(r.Key)+len(r.Value) > chunkBytes {
		if !w.chunked {
			w.chunked = true
			w.write(appendFrame(appendHeader(nil), manyChunks))
		}
		w.flush()
	}
	w.batch = appendRecord(w.batch, r)
}

func (w *snapshotWriter) flush() {
	if n := len(w.batch); n > MaxRecord && w.err == nil {
		w.err = fmt.Errorf("a record of the state has %d bytes, at most %d are allowed", n, MaxRecord)
	}
	w.write(appendFrame(nil, w.batch))
	w.batch = w.batch[:0]
}

func (w *snapshotWriter) finish() {
	if !w.chunked {
		w.write(appendHeader(nil))
		w.flush()
		return
	}
	w.flush()
	w.write(appendFrame(nil, nil))
}

func (w *snapshotWriter) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.file.Write(b)
	w.size, w.err = w.size+int64(n), err
}

// readSnapshot returns the batches of a snapshot that is whole.
func (s *Store) readSnapshot(g uint64) (batches [][]byte, err error) {
	path := s.snapshotPath(g)
	data, err := s.fsys.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	body, err := checkHeader(data)
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", path, err)
	}
	chunked, whole := false, false
	for n := 0; len(body) > 0 && !whole; n++ {
		payload, size, err := nextFrame(body)
		if err != nil {
			return nil, fmt.Errorf("read snapshot %s: %w: %v", path, ErrDamaged, err)
		}
		body = body[size:]
		if n == 0 && bytes.Equal(payload, manyChunks) {
			chunked = true
			continue
		}
		batches = append(batches, payload)
		whole = !chunked || len(payload) == 0
	}
	if !whole || len(body) > 0 {
		return nil, fmt.Errorf("read snapshot %s: %w: %d bytes do not hold one whole state", path, ErrDamaged, len(data))
	}
	return batches, nil
}
