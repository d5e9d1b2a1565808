package fetch

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// zipEntryBytes is what the table of contents of a zip file may hold on average for
// each of the entries that are allowed. It is read as a whole, into several times its
// size, before the first entry is known.
const zipEntryBytes = 256

func (x *extraction) zip(_ string, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	room := int64(x.opts.MaxEntries)*zipEntryBytes + minZipTable
	table := &boundedAt{from: file, room: room, left: room}
	z, err := zip.NewReader(table, info.Size())
	if err != nil {
		return err
	}
	if n := len(z.File); n > x.opts.MaxEntries {
		return fmt.Errorf("archive has %d entries, want at most %d", n, x.opts.MaxEntries)
	}
	table.left = math.MaxInt64
	for _, e := range z.File {
		if err := x.zipEntry(e); err != nil {
			return fmt.Errorf("entry %s: %w", shown(e.Name), bare(err))
		}
	}
	return nil
}

// minZipTable leaves room to look for the table of contents, at the end of the file.
const minZipTable = 256 << 10

// boundedAt bounds how much is read.
type boundedAt struct {
	from io.ReaderAt
	room int64
	left int64
}

func (b *boundedAt) ReadAt(p []byte, at int64) (int, error) {
	if b.left < int64(len(p)) {
		return 0, fmt.Errorf("table of contents is longer than %d bytes", b.room)
	}
	b.left -= int64(len(p))
	return b.from.ReadAt(p, at)
}

// maxLinkBytes bounds the target of a symbolic link in a zip file.
const maxLinkBytes = 4096

// zipEncrypted is the flag of an entry that needs a password.
const zipEncrypted = 1

func (x *extraction) zipEntry(e *zip.File) error {
	name, err := x.entry(e.Name)
	if err != nil || name == "" {
		return err
	}
	mode := e.Mode()
	switch {
	case mode.IsDir():
		return x.mkdirs(name)
	case !mode.IsRegular() && mode.Type() != os.ModeSymlink:
		return fmt.Errorf("it is of type %s, want a file, a directory or a link", mode.Type())
	case e.Flags&zipEncrypted != 0:
		return errors.New("it is encrypted")
	}
	content, err := e.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	r := x.meter(content)
	if mode.IsRegular() {
		return x.file(name, r, mode.Perm())
	}
	target, err := io.ReadAll(io.LimitReader(r, maxLinkBytes+1))
	if err != nil {
		return err
	}
	if len(target) > maxLinkBytes {
		return fmt.Errorf("it links to a name of more than %d bytes", maxLinkBytes)
	}
	return x.symlink(name, string(target))
}
