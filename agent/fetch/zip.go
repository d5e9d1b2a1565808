package fetch

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
)

func (x *extraction) zip(_ string, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	for _, e := range z.File {
		if err := x.zipEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// maxLinkBytes bounds the target of a symbolic link in a zip file.
const maxLinkBytes = 4096

func (x *extraction) zipEntry(e *zip.File) error {
	name, err := x.entry(e.Name)
	if err != nil || name == "" {
		return err
	}
	mode := e.Mode()
	if mode.IsDir() {
		return mkdirs(x.box, name, x.owner)
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	switch {
	case mode.IsRegular():
		return x.file(name, r, mode.Perm())
	case mode.Type() == os.ModeSymlink:
		target, err := io.ReadAll(io.LimitReader(r, maxLinkBytes))
		if err != nil {
			return err
		}
		return x.symlink(name, string(target))
	}
	return fmt.Errorf("entry %q is a %s, want a file, a directory or a link", e.Name, mode.Type())
}
