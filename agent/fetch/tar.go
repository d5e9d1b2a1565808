package fetch

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
)

// tarOf unpacks a tar archive inside a compression.
func tarOf(inflate func(io.Reader) (io.Reader, error)) func(*extraction, string, *os.File) error {
	return func(x *extraction, _ string, file *os.File) error {
		plain, err := inflate(file)
		if err != nil {
			return err
		}
		if c, ok := plain.(io.Closer); ok && plain != io.Reader(file) {
			defer c.Close()
		}
		r := tar.NewReader(plain)
		for {
			h, err := r.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := x.tarEntry(h, r); err != nil {
				return err
			}
		}
	}
}

func (x *extraction) tarEntry(h *tar.Header, r io.Reader) error {
	name, err := x.entry(h.Name)
	if err != nil || name == "" {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return mkdirs(x.box, name, x.owner)
	case tar.TypeReg:
		return x.file(name, r, os.FileMode(h.Mode))
	case tar.TypeSymlink:
		return x.symlink(name, h.Linkname)
	case tar.TypeLink:
		return x.hardlink(name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("entry %q is of type %q, want a file, a directory or a link", h.Name, h.Typeflag)
}
