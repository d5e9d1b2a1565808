package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Message is what Save writes: a protobuf message with vtprotobuf's methods.
type Message interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// Version says which of the two copies of a file Load returned.
type Version int

const (
	// Current is the version written last.
	Current Version = iota + 1
	// Previous is the one before it; the current one is missing or damaged.
	Previous
)

func (v Version) String() string {
	switch v {
	case Current:
		return "current"
	case Previous:
		return "previous"
	}
	return "none"
}

// ErrDamaged reports a file whose copies all fail their checks.
var ErrDamaged = errors.New("checkpoint is damaged")

const (
	magic         = "CPRK"
	formatVersion = 1
	headerSize    = len(magic) + 4
	prevSuffix    = ".prev"
	tmpSuffix     = ".tmp"
)

func appendHeader(b []byte) []byte {
	b = append(b, magic...)
	return binary.LittleEndian.AppendUint32(b, formatVersion)
}

// checkHeader returns what follows the header of data.
func checkHeader(data []byte) ([]byte, error) {
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrDamaged, magic)
	}
	if v := binary.LittleEndian.Uint32(data[len(magic):]); v != formatVersion {
		return nil, fmt.Errorf("checkpoint has format version %d, this program reads %d", v, formatVersion)
	}
	return data[headerSize:], nil
}

// Save makes m the current version of path, durably, and keeps the version that
// was current as path + ".prev". When it returns an error either version may be
// current, and both files are whole.
func Save(fsys FS, path string, m Message) error {
	payload, err := m.MarshalVT()
	if err != nil {
		return fmt.Errorf("encode checkpoint %s: %w", path, err)
	}
	return saveBytes(fsys, path, appendFrame(appendHeader(nil), payload))
}

func saveBytes(fsys FS, path string, data []byte) error {
	if err := writeSynced(fsys, path+tmpSuffix, data); err != nil {
		return fmt.Errorf("write checkpoint %s: %w", path, err)
	}
	// Link keeps a current version under its name at every moment; a rename
	// to ".prev" would leave an instant without one.
	_ = fsys.Remove(path + prevSuffix)
	if err := fsys.Link(path, path+prevSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep previous checkpoint of %s: %w", path, err)
	}
	if err := fsys.Rename(path+tmpSuffix, path); err != nil {
		return fmt.Errorf("replace checkpoint %s: %w", path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("sync directory of checkpoint %s: %w", path, err)
	}
	return nil
}

func writeSynced(fsys FS, path string, data []byte) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Load reads the current version of path into m, or the previous one if the
// current is missing or damaged. The error wraps fs.ErrNotExist if there never
// was one, and ErrDamaged if no copy passes its checks.
func Load(fsys FS, path string, m Message) (Version, error) {
	err := loadOne(fsys, path, m)
	if err == nil {
		return Current, nil
	}
	if perr := loadOne(fsys, path+prevSuffix, m); perr == nil {
		return Previous, nil
	}
	return 0, fmt.Errorf("load checkpoint %s: %w", path, err)
}

func loadOne(fsys FS, path string, m Message) error {
	data, err := fsys.ReadFile(path)
	if err != nil {
		return err
	}
	body, err := checkHeader(data)
	if err != nil {
		return err
	}
	payload, size, err := nextFrame(body)
	if err != nil || size != len(body) {
		return fmt.Errorf("%w: %d bytes do not hold one whole record", ErrDamaged, len(data))
	}
	if err := m.UnmarshalVT(payload); err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return nil
}
