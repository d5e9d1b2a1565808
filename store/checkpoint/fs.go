package checkpoint

import (
	"io"
	"os"
)

// FS is the part of a file system that this package touches, so that tests can
// put one underneath that loses unsynced writes.
type FS interface {
	// Create makes an empty file for writing, replacing one that exists.
	Create(name string) (File, error)
	// ReadFile returns the content of name; the error wraps fs.ErrNotExist if
	// there is none.
	ReadFile(name string) ([]byte, error)
	// Rename replaces newname.
	Rename(oldname, newname string) error
	// Link makes newname another name of oldname.
	Link(oldname, newname string) error
	Remove(name string) error
	MkdirAll(dir string) error
	// List returns the names in dir, without order.
	List(dir string) ([]string, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is a file being written.
type File interface {
	io.Writer
	// Sync makes what was written durable.
	Sync() error
	Close() error
}

// OS is the real file system. Files are made with mode 0600: what they hold
// includes environments of tasks.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (osFS) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }
func (osFS) Rename(from, to string) error         { return os.Rename(from, to) }
func (osFS) Link(from, to string) error           { return os.Link(from, to) }
func (osFS) Remove(name string) error             { return os.Remove(name) }
func (osFS) MkdirAll(dir string) error            { return os.MkdirAll(dir, 0o700) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
