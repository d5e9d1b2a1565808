package fetch

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
)

// tarOf unpacks a tar archive inside a compression.
func tarOf(inflate inflater) func(*extraction, string, *os.File) error {
	return func(x *extraction, _ string, file *os.File) error {
		plain, err := inflate(file)
		if err != nil {
			return err
		}
		defer plain.Close()
		metered := x.meter(plain)
		if err := x.tar(metered); err != nil {
			return err
		}
		// The checksum of the whole comes behind the end of the archive in it.
		if _, err := io.Copy(io.Discard, metered); err != nil {
			return fmt.Errorf("behind the last entry: %w", err)
		}
		return nil
	}
}

func (x *extraction) plainTar(_ string, file *os.File) error { return x.tar(x.meter(file)) }

func (x *extraction) tar(from io.Reader) error {
	r := tar.NewReader(from)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d entries: %w", x.entries, err)
		}
		if err := x.tarEntry(h, r); err != nil {
			return fmt.Errorf("entry %s: %w", shown(h.Name), bare(err))
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
		return x.mkdirs(name)
	case tar.TypeReg, tar.TypeGNUSparse: // holes become zeros, which count
		return x.file(name, r, os.FileMode(h.Mode))
	case tar.TypeSymlink:
		return x.symlink(name, h.Linkname)
	case tar.TypeLink:
		return x.hardlink(name, h.Linkname)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("it is %s, want a file, a directory or a link", tarType(h.Typeflag))
}

func tarType(flag byte) string {
	switch flag {
	case tar.TypeChar:
		return "a character device"
	case tar.TypeBlock:
		return "a block device"
	case tar.TypeFifo:
		return "a pipe"
	}
	return fmt.Sprintf("of type %q", flag)
}
