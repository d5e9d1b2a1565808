package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/caprock/caprock/agent/sandbox"
)

// extraction unpacks one archive into dir of box and keeps count.
type extraction struct {
	ctx     context.Context
	box     *os.Root
	owner   sandbox.Owner
	opts    Options
	dir     string
	made    string // the last directory that was made sure of
	limit   int64  // of bytes
	entries int    // of the archive, and the directories made on the way to them
	bytes   int64
}

// entry counts an entry and returns where it goes; "" is the directory itself.
func (x *extraction) entry(name string) (string, error) {
	if err := x.count(1); err != nil {
		return "", err
	}
	if filepath.Clean(name) == "." {
		return "", nil
	}
	if err := checkName(name); err != nil {
		return "", err
	}
	return filepath.Join(x.dir, name), nil
}

func (x *extraction) count(n int) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if x.entries += n; x.entries > x.opts.MaxEntries {
		return fmt.Errorf("archive has more than %d entries", x.opts.MaxEntries)
	}
	return nil
}

func (x *extraction) file(name string, r io.Reader, mode os.FileMode) error {
	if err := x.clear(name); err != nil {
		return err
	}
	// The bits that change the user of a program are not taken over.
	mode &= 0o777
	out, err := x.box.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o200)
	if err != nil {
		return err
	}
	defer out.Close()
	n, err := io.Copy(out, io.LimitReader(r, x.limit-x.bytes+1))
	if err != nil {
		return err
	}
	if x.bytes += n; x.bytes > x.limit {
		return fmt.Errorf("archive unpacks to more than %d bytes", x.limit)
	}
	if err := errors.Join(out.Chmod(mode), x.owner.GiveFile(out)); err != nil {
		return err
	}
	return out.Close()
}

func (x *extraction) mkdirs(dir string) error {
	if dir == x.made {
		return nil // should it be gone since, what is made in it fails
	}
	n, err := mkdirs(x.box, dir, x.owner)
	if err != nil {
		return err
	}
	x.made = dir
	return x.count(max(0, n-1)) // its own entry is one
}

// clear makes way for an entry: its directory exists and its name is free.
func (x *extraction) clear(name string) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := x.mkdirs(dir); err != nil {
			return err
		}
	}
	if err := x.box.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// symlink makes a link if it stays inside the directory that is unpacked into.
func (x *extraction) symlink(name, target string) error {
	rel, err := filepath.Rel(x.dir, name)
	if err != nil {
		return err
	}
	if path.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) {
		return fmt.Errorf("links to %s, out of the sandbox", shown(target))
	}
	if err := checkName(filepath.Dir(rel) + "/" + target); err != nil {
		return fmt.Errorf("links to %s: %w", shown(target), err)
	}
	if err := x.clear(name); err != nil {
		return err
	}
	if err := x.box.Symlink(target, name); err != nil {
		return err
	}
	return x.owner.Give(x.box, name)
}

func (x *extraction) hardlink(name, target string) error {
	if err := checkName(target); err != nil {
		return fmt.Errorf("links to %s: %w", shown(target), err)
	}
	if err := x.clear(name); err != nil {
		return err
	}
	if err := x.box.Link(filepath.Join(x.dir, target), name); err != nil {
		return fmt.Errorf("links to %s: %w", shown(target), bare(err))
	}
	return nil
}

// entryRoom is what a decoder may give for each entry besides its bytes: headers,
// padding, long names.
const entryRoom = 8 << 10

// meter bounds what a decoder gives, also where nothing of it is written, and ends it
// with the task.
func (x *extraction) meter(r io.Reader) *meter {
	return &meter{x: x, from: r, left: x.limit + int64(x.opts.MaxEntries)*entryRoom}
}

type meter struct {
	x    *extraction
	from io.Reader
	left int64
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.x.ctx.Err(); err != nil {
		return 0, err
	}
	if m.left <= 0 {
		return 0, fmt.Errorf("archive unpacks to more than %d bytes and %d headers", m.x.limit, m.x.opts.MaxEntries)
	}
	n, err := m.from.Read(p)
	m.left -= int64(n)
	return n, err
}
