package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Everything that archives are made of in the tests. The library has no encoders for xz
// and bzip2; these are the least that decoders take.

// suffixes are one of every kind that is unpacked.
var suffixes = []string{".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".gz", ".bz2", ".xz", ".zst"}

// compress packs data as the last part of suffix says.
func compress(suffix string, data []byte) []byte {
	switch filepath.Ext(suffix) {
	case ".gz":
		return gz(data)
	case ".bz2":
		return bz2(data)
	case ".xz":
		return xzStored(data, 0x16)
	case ".zst":
		return zst(data)
	}
	return data
}

// ordinary is the content of an ordinary archive.
var ordinary = strings.Repeat("What is packed must come out as it went in. ", 40)

// archiveOf makes an ordinary archive of a kind, with one file named f (or, of the kinds
// without names, what will be called as the archive).
func archiveOf(suffix string) []byte {
	switch {
	case suffix == ".zip":
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		f, err := w.Create("f")
		if err == nil {
			_, err = io.WriteString(f, ordinary)
		}
		if err != nil || w.Close() != nil {
			panic("BUG: zip")
		}
		return buf.Bytes()
	case strings.HasPrefix(suffix, ".tar"):
		return compress(suffix, pack(head{name: "f", body: ordinary}))
	}
	return compress(suffix, []byte(ordinary))
}

// head is an entry of a tar archive, with every field open to lies.
type head struct {
	name, link, prefix, body string
	typ                      byte   // default '0'
	mode                     string // octal; default 644
	size                     string // the field; default the length of body in octal
	sum                      string // the checksum's field; default the right one
	v7                       bool   // without the magic of later formats
	gnu                      string // what is at offset 345 in the format of GNU, for sparse files
	bare                     bool   // body is not filled up to a block
}

func (h head) bytes() []byte {
	b := make([]byte, 512)
	put := func(at, n int, text string) { copy(b[at:at+n], text) }
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	put(0, 100, h.name)
	put(100, 8, or(h.mode, "0000644\x00"))
	put(108, 8, "0000000\x00")
	put(116, 8, "0000000\x00")
	put(124, 12, or(h.size, fmt.Sprintf("%011o\x00", len(h.body))))
	put(136, 12, "00000000000\x00")
	b[156] = '0'
	if h.typ != 0 {
		b[156] = h.typ
	}
	put(157, 100, h.link)
	switch {
	case h.gnu != "" || h.typ == 'S':
		put(257, 8, "ustar  \x00")
		put(386, 126, h.gnu)
	case !h.v7:
		put(257, 8, "ustar\x0000")
		put(345, 155, h.prefix)
	}
	put(148, 8, "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	put(148, 8, or(h.sum, fmt.Sprintf("%06o\x00 ", sum)))
	b = append(b, h.body...)
	if over := len(b) % 512; over != 0 && !h.bare {
		b = append(b, make([]byte, 512-over)...)
	}
	return b
}

// pack makes a tar archive with its end.
func pack(heads ...head) []byte { return append(blocks(heads...), make([]byte, 1024)...) }

// blocks makes a tar archive without an end.
func blocks(heads ...head) []byte {
	var all []byte
	for _, h := range heads {
		all = append(all, h.bytes()...)
	}
	return all
}

// pax is an extended header: records "key=value" for the entry that follows.
func pax(records ...string) head {
	body := ""
	for _, r := range records {
		n := len(r) + 3
		for len(fmt.Sprintf("%d %s\n", n, r)) != n {
			n++
		}
		body += fmt.Sprintf("%d %s\n", n, r)
	}
	return head{name: "PaxHeaders/x", typ: tar.TypeXHeader, body: body}
}

// gnuLong is a long name ('L') or link ('K') for the entry that follows.
func gnuLong(typ byte, name string) head {
	return head{name: "././@LongLink", typ: typ, body: name + "\x00"}
}

// naiveTar unpacks as one must not: the corpus has to catch it.
func naiveTar(data []byte, dir string) {
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err != nil {
			return
		}
		path := filepath.Join(dir, h.Name)
		if filepath.IsAbs(h.Name) {
			path = h.Name
		}
		if !strings.HasPrefix(path, filepath.Dir(dir)) {
			continue // not even a test goes further out
		}
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		switch h.Typeflag {
		case tar.TypeSymlink:
			_ = os.Symlink(h.Linkname, path)
		case tar.TypeLink:
			from := filepath.Join(dir, h.Linkname)
			if filepath.IsAbs(h.Linkname) {
				from = h.Linkname
			}
			_ = os.Link(from, path)
		case tar.TypeReg:
			if f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644); err == nil {
				_, _ = io.CopyN(f, r, 1<<16)
				_ = f.Close()
			}
		}
	}
}

// xzStored is an xz file of data, not compressed; dict is its property for the size of
// the dictionary.
func xzStored(data []byte, dict byte) []byte {
	flags := []byte{0, 1} // checked with CRC32
	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(flags))
	start := len(out)
	header := []byte{2, 0, 0x21, 1, dict, 0, 0, 0}
	out = append(out, header...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
	kind := byte(1) // resets the dictionary
	for rest := data; len(rest) > 0; kind = 2 {
		n := min(len(rest), 1<<16)
		out = append(out, kind, byte((n-1)>>8), byte(n-1))
		out = append(out, rest[:n]...)
		rest = rest[n:]
	}
	out = append(out, 0)
	unpadded := len(out) - start + 4
	for (len(out)-start)%4 != 0 {
		out = append(out, 0)
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(data)))
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	out = append(out, index...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(index))
	return append(out, xzEnd(len(index)+4, flags)...)
}

// xzEnd is the footer of an xz stream.
func xzEnd(index int, flags []byte) []byte {
	back := binary.LittleEndian.AppendUint32(nil, uint32(index/4-1))
	back = append(back, flags...)
	out := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(back))
	return append(append(out, back...), "YZ"...)
}

// bitWriter writes bits, the highest first.
type bitWriter struct {
	out  []byte
	have uint
	acc  uint64
}

func (w *bitWriter) put(n uint, v uint64) {
	for ; n > 0; n-- {
		w.acc = w.acc<<1 | v>>(n-1)&1
		if w.have++; w.have == 8 {
			w.out, w.acc, w.have = append(w.out, byte(w.acc)), 0, 0
		}
	}
}

// bz2 is a bzip2 file of data, in blocks that are cheap to sort.
func bz2(data []byte) []byte {
	w := &bitWriter{out: []byte("BZh1")}
	whole := uint32(0)
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 8<<10)
		sum := bz2Block(w, rest[:n])
		whole = bits.RotateLeft32(whole, 1) ^ sum
		rest = rest[n:]
	}
	w.put(48, 0x177245385090)
	w.put(32, uint64(whole))
	w.put(7, 0) // to the byte
	return w.out
}

func bz2Block(w *bitWriter, data []byte) (sum uint32) {
	sum = ^uint32(0)
	for _, b := range data {
		sum = sum<<8 ^ bz2Table(byte(sum>>24)^b)
	}
	sum = ^sum
	runs := bz2Runs(data)
	last, origin := rotate(runs)
	w.put(48, 0x314159265359)
	w.put(32, uint64(sum))
	w.put(1, 0)
	w.put(24, uint64(origin))
	var used [256]bool
	for _, b := range runs {
		used[b] = true
	}
	var symbols []byte
	for hi := range 16 {
		w.put(1, bit(slices.Contains(used[hi*16:hi*16+16], true)))
	}
	for hi := range 16 {
		if slices.Contains(used[hi*16:hi*16+16], true) {
			for lo := range 16 {
				w.put(1, bit(used[hi*16+lo]))
			}
		}
	}
	for b := range 256 {
		if used[b] {
			symbols = append(symbols, byte(b))
		}
	}
	codes := moveToFront(last, symbols)
	alphabet := len(symbols) + 2
	groups := (len(codes) + 49) / 50
	w.put(3, 2) // two equal tables, the least there may be
	w.put(15, uint64(groups))
	for range groups {
		w.put(1, 0)
	}
	// A complete code: the first have k bits, the others one more.
	k := uint(bits.Len(uint(alphabet)) - 1)
	short := 1<<(k+1) - alphabet
	for range 2 {
		w.put(5, uint64(k))
		for s := range alphabet {
			if s == short {
				w.put(2, 2) // one longer from here on
			}
			w.put(1, 0)
		}
	}
	for _, c := range codes {
		if c < short {
			w.put(k, uint64(c))
		} else {
			w.put(k+1, uint64(c+short))
		}
	}
	return sum
}

func bit(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

func bz2Table(b byte) uint32 {
	c := uint32(b) << 24
	for range 8 {
		c = c<<1 ^ 0x04c11db7&-(c>>31)
	}
	return c
}

// bz2Runs shortens runs of four and more.
func bz2Runs(data []byte) (out []byte) {
	for i := 0; i < len(data); {
		n := 1
		for i+n < len(data) && data[i+n] == data[i] && n < 255 {
			n++
		}
		out = append(out, bytes.Repeat(data[i:i+1], min(n, 4))...)
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		i += n
	}
	return out
}

// rotate sorts the rotations of data; it returns their last bytes and where data itself is.
func rotate(data []byte) (last []byte, origin int) {
	twice := append(slices.Clone(data), data...)
	at := make([]int, len(data))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return bytes.Compare(twice[a:a+len(data)], twice[b:b+len(data)]) })
	for i, a := range at {
		last = append(last, twice[a+len(data)-1])
		if a == 0 {
			origin = i
		}
	}
	return last, origin
}

// moveToFront codes bytes by when they were last seen, and runs of the same as numbers.
func moveToFront(data, symbols []byte) (codes []int) {
	order := slices.Clone(symbols)
	zeros := 0
	flush := func() {
		for n := zeros; n > 0; n = (n - 1) / 2 {
			codes = append(codes, (n-1)%2) // 1: RUNA, 2: RUNB
		}
		zeros = 0
	}
	for _, b := range data {
		i := bytes.IndexByte(order, b)
		if i == 0 {
			zeros++
			continue
		}
		flush()
		codes = append(codes, i+1)
		order = slices.Insert(slices.Delete(order, i, i+1), 0, b)
	}
	flush()
	return append(codes, len(symbols)+1)
}
