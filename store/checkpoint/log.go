package checkpoint

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Log appends records to one file.
type Log struct {
	path string
	file File
	size int64
	buf  []byte
	err  error
}

// CreateLog makes an empty log at path, durable under its name.
func CreateLog(fsys FS, path string) (*Log, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create log %s: %w", path, err)
	}
	l := &Log{path: path, file: f, buf: appendHeader(nil)}
	if err := l.flush(); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("sync directory of log %s: %w", path, err)
	}
	return l, nil
}

// Append adds payload as one record and returns when it is durable. After an
// error every later call returns that error.
func (l *Log) Append(payload []byte) error {
	if l.err != nil {
		return l.err
	}
	if len(payload) > MaxRecord {
		return fmt.Errorf("record for log %s has %d bytes, at most %d are allowed", l.path, len(payload), MaxRecord)
	}
	l.buf = appendFrame(l.buf[:0], payload)
	return l.flush()
}

func (l *Log) flush() error {
	n, err := l.file.Write(l.buf)
	l.size += int64(n)
	if err != nil {
		l.err = fmt.Errorf("write log %s: %w", l.path, err)
		return l.err
	}
	if err := l.file.Sync(); err != nil {
		l.err = fmt.Errorf("sync log %s: %w", l.path, err)
		return l.err
	}
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	return nil
}

// Size is the length of the file in bytes.
func (l *Log) Size() int64 { return l.size }

// Close closes the file; what was appended is already durable.
func (l *Log) Close() error { return l.file.Close() }

// LogDamage says what of a log could not be read.
type LogDamage struct {
	// TornBytes is the length of an unfinished tail: the trace of a crash
	// during Append, whose caller was never told of success.
	TornBytes int
	// Skipped counts whole records with a wrong checksum that intact records
	// follow: the medium lost data.
	Skipped int
}

// ReadLog calls fn with each intact record of the log at path, in order. The
// payload is valid during the call only.
func ReadLog(fsys FS, path string, fn func(payload []byte) error) (LogDamage, error) {
	var damage LogDamage
	data, err := fsys.ReadFile(path)
	if err != nil {
		return damage, fmt.Errorf("read log %s: %w", path, err)
	}
	if len(data) < headerSize {
		damage.TornBytes = len(data)
		return damage, nil
	}
	body, err := checkHeader(data)
	switch {
	case err == nil:
	case errors.Is(err, ErrDamaged) && !frameFollows(data, headerSize):
		// The header is synced before the first Append: nothing was in here.
		damage.TornBytes = len(data)
		return damage, nil
	case errors.Is(err, ErrDamaged):
		damage.Skipped++
		body = data[headerSize:]
	default:
		return damage, fmt.Errorf("read log %s: %w", path, err)
	}
	data = body
	for len(data) > 0 {
		payload, size, err := nextFrame(data)
		if err != nil && !frameFollows(data, size) {
			damage.TornBytes = len(data)
			break
		}
		data = data[size:]
		if err != nil {
			damage.Skipped++
			continue
		}
		if err := fn(payload); err != nil {
			return damage, fmt.Errorf("read log %s: %w", path, err)
		}
	}
	return damage, nil
}

// frameFollows reports whether an intact frame begins size bytes into data: then
// the bytes before it are a damaged record, and not a torn tail.
func frameFollows(data []byte, size int) bool {
	if size == 0 || size >= len(data) {
		return false
	}
	_, _, err := nextFrame(data[size:])
	return err == nil
}
