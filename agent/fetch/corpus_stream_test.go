package fetch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"
)

// unharmed checks that what was accepted in spite of a fault is what was packed.
func unharmed(suffix string) func(*testing.T, *scene) {
	name := "f"
	if suffix != ".zip" && !strings.HasPrefix(suffix, ".tar") {
		name = "x"
	}
	return func(t *testing.T, s *scene) {
		if suffix == ".zip" { // which has no checksum of the names
			for _, e := range must1(os.ReadDir(s.dir)) {
				if e.Name() != "x.zip" && e.Name() != "resident" {
					name = e.Name()
				}
			}
		}
		if got, err := s.root.ReadFile(name); err != nil || string(got) != ordinary {
			t.Errorf("unpacked without an error, but %s holds %d bytes that are not what was packed (%v)", name, len(got), err)
		}
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func streamSituations() (all []situation) {
	add := func(name, file, want string, data []byte, then func(*testing.T, *scene)) {
		all = append(all, situation{name: "stream: " + name, file: file, want: want, then: then, data: func(string) []byte { return data }, memory: 200 << 20})
	}
	for _, suffix := range suffixes {
		whole := archiveOf(suffix)
		file := "x" + suffix
		add("whole"+suffix, file, "", whole, unharmed(suffix))
		for i := range 12 {
			n := len(whole) * (i + 1) / 13
			want := "unpack"
			then := unharmed(suffix)
			if suffix == ".tar" && n > 512+len(ordinary) {
				want = either // only the end is missing
			}
			add(fmt.Sprintf("cut after %d of 13%s", i+1, suffix), file, want, whole[:n], then)
		}
		add("cut before its last byte"+suffix, file, either, whole[:len(whole)-1], unharmed(suffix))
		if suffix != ".tar" { // it has no checksum of what is in it
			for i := range 24 {
				bad := slices.Clone(whole)
				bad[len(bad)*i/24] ^= 0x55
				add(fmt.Sprintf("changed at %d of 24%s", i, suffix), file, either, bad, unharmed(suffix))
			}
		}
		if suffix == ".tar" || suffix == ".zip" {
			continue
		}
		add("twice"+suffix, file, either, append(slices.Clone(whole), whole...), nil)
		add("garbage behind"+suffix, file, "", append(slices.Clone(whole), "garbage behind the end"...), unharmed(suffix))
		add("zeros behind"+suffix, file, "", append(slices.Clone(whole), make([]byte, 512)...), unharmed(suffix))
		add("half of another behind"+suffix, file, either, append(slices.Clone(whole), whole[:len(whole)/2]...), nil)
	}
	for _, c := range []string{".gz", ".bz2", ".xz", ".zst"} {
		// A stream of nothing but streams of nothing.
		add("many of nothing"+c, "x"+c, either, bytes.Repeat(compress(c, nil), 10_000), nil)
		// Many that are small and become much together.
		step := compress(c, make([]byte, 100_000))
		add("a bomb in parts"+c, "x"+c, "1048576 bytes", bytes.Repeat(step, 30), nil)
		add("a tar bomb in parts.tar"+c, "x.tar"+c, "1048576 bytes", append(compress(c, blocks(head{name: "f", size: octal(1 << 30)})), bytes.Repeat(step, 30)...), nil)
		add("a bomb behind the end.tar"+c, "x.tar"+c, either, append(compress(c, pack(head{name: "f", body: "x"})), bytes.Repeat(step, 30)...), nil)
		// One layer is unpacked, what is in it stays packed.
		add("nested"+c, "x"+c+c, "", compress(c, compress(c, make([]byte, 1<<20))), nil)
		add("nested five times"+c, "x"+strings.Repeat(c, 5), "", compress(c, compress(c, compress(c, compress(c, compress(c, make([]byte, 1<<18)))))), nil)
		for _, inner := range []string{".gz", ".bz2", ".xz", ".zst", ".zip"} {
			if inner != c {
				add("bomb of "+inner+" in "+c, "x"+inner+c, "", compress(c, nestable(inner)), nil)
			}
		}
	}
	gzHead := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}
	add("gzip name without end", "x.gz", "unpack", slices.Concat([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3}, bytes.Repeat([]byte("n"), 900_000)), nil)
	add("gzip comment without end", "x.gz", "unpack", slices.Concat([]byte{0x1f, 0x8b, 8, 16, 0, 0, 0, 0, 0, 3}, bytes.Repeat([]byte("n"), 900_000)), nil)
	add("gzip extra field without end", "x.gz", "unpack", slices.Concat([]byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 0xff, 0xff}, []byte("short")), nil)
	add("gzip flags that nobody knows", "x.gz", either, slices.Concat([]byte{0x1f, 0x8b, 8, 0xe0, 0, 0, 0, 0, 0, 3}, gz([]byte(ordinary))[10:]), nil)
	add("gzip method that nobody knows", "x.gz", "unpack", slices.Concat([]byte{0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 3}, gz(nil)[10:]), nil)
	add("gzip with a reserved block", "x.gz", "unpack", append(slices.Clone(gzHead), 7, 0, 0), nil)
	add("gzip that reaches back before its start", "x.gz", "unpack", append(slices.Clone(gzHead), 0x63, 0x00, 0x42, 0x01, 0xff), nil)
	add("gzip of a wrong length", "x.gz", "unpack", changedAtEnd(gz([]byte(ordinary)), 1), nil)
	add("gzip of a wrong checksum", "x.gz", "unpack", changedAtEnd(gz([]byte(ordinary)), 6), nil)
	add("gzip tar of a wrong checksum", "x.tgz", "unpack", changedAtEnd(archiveOf(".tar.gz"), 6), nil)
	add("bzip2 tar of a wrong checksum", "x.tbz2", "unpack", changedAtEnd(archiveOf(".tar.bz2"), 3), nil)
	add("xz tar of a wrong footer", "x.txz", "unpack", changedAtEnd(archiveOf(".tar.xz"), 6), nil)

	add("bzip2 of level 0", "x.bz2", "unpack", []byte("BZh0\x31\x41\x59\x26\x53\x59"), nil)
	add("bzip2 without blocks", "x.bz2", either, bz2(nil), nil)
	add("bzip2 block of nothing", "x.bz2", "unpack", append([]byte("BZh9\x31\x41\x59\x26\x53\x59"), make([]byte, 64)...), nil)
	add("bzip2 of a wrong checksum", "x.bz2", "unpack", changedAtEnd(bz2([]byte(ordinary)), 3), nil)

	for dict, name := range map[byte]string{28: "64 MiB", 29: "96 MiB", 36: "1 GiB", 40: "4 GiB", 41: "too much for its field"} {
		want := "unpack"
		if dict == 28 {
			want = ""
		}
		add("xz dictionary of "+name, "x.xz", want, xzStored([]byte(ordinary), dict), nil)
	}
	add("xz check that nobody knows", "x.xz", "unpack", xzHeader(0x0f), nil)
	add("xz flags that nobody knows", "x.xz", "unpack", xzHeader(0x81), nil)
	add("xz index of 2^62 records", "x.xz", either, xzIndex(1<<62), nil)
	add("xz index of a million records that are not there", "x.xz", either, xzIndex(1<<20), nil)
	add("xz header that says it is large", "x.xz", "unpack", append(xzHeader(1), append([]byte{0xff}, make([]byte, 100)...)...), nil)
	add("xz padding that is no padding", "x.xz", either, append(xzStored([]byte(ordinary), 0x16), 0, 0, 0), nil)

	zstd := []byte{0x28, 0xb5, 0x2f, 0xfd}
	for exponent, name := range map[byte]string{17: "128 MiB", 18: "256 MiB", 21: "2 GiB", 31: "2 TiB"} {
		// A raw block of one byte behind a header that asks for a window.
		want := "unpack"
		if exponent == 17 {
			want = ""
		}
		add("zstd window of "+name, "x.zst", want, slices.Concat(zstd, []byte{0, exponent << 3, 9, 0, 0, 'x'}), nil)
	}
	add("zstd content of 16 EiB", "x.zst", "unpack", slices.Concat(zstd, []byte{0xe0}, le64(1<<64-1), []byte{9, 0, 0, 'x'}), nil)
	add("zstd content of 1 TiB", "x.zst", "unpack", slices.Concat(zstd, []byte{0xe0}, le64(1<<40), []byte{9, 0, 0, 'x'}), nil)
	add("zstd content of 100 MiB that is not there", "x.zst", "unpack", slices.Concat(zstd, []byte{0xa0}, le32(100<<20), []byte{9, 0, 0, 'x'}), nil)
	add("zstd run of 128 KiB, many times", "x.zst", "1048576 bytes", slices.Concat(zstd, []byte{0, 17 << 3}, bytes.Repeat([]byte{2, 0, 0x10, 0}, 2000), []byte{1, 0, 0}), nil)
	add("zstd dictionary that is not there", "x.zst", "unpack", slices.Concat(zstd, []byte{1, 0x58, 7, 9, 0, 0, 'x'}), nil)
	add("zstd reserved block", "x.zst", "unpack", slices.Concat(zstd, []byte{0, 0x58, 7, 0, 0}), nil)
	add("zstd reserved bit", "x.zst", "unpack", slices.Concat(zstd, []byte{8, 0x58, 9, 0, 0, 'x'}), nil)
	add("zstd skippable frame of 4 GiB", "x.zst", either, slices.Concat([]byte{0x50, 0x2a, 0x4d, 0x18}, le32(1<<32-1), []byte("short")), nil)
	add("zstd of skippable frames only", "x.zst", either, bytes.Repeat([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, 100_000), nil)
	add("zstd of a wrong checksum", "x.zst", "unpack", changedAtEnd(zst([]byte(ordinary)), 2), nil)
	return all
}

// nestable is what a bomb in a bomb has inside: much of the same.
func nestable(suffix string) []byte {
	if suffix == ".zip" {
		return zipOf(part{name: "f", body: strings.Repeat("\x00", 2<<20)})
	}
	return bytes.Repeat(compress(suffix, make([]byte, 50_000)), 10)
}

func changedAtEnd(data []byte, back int) []byte {
	data = slices.Clone(data)
	data[len(data)-back] ^= 0xff
	return data
}

func xzHeader(check byte) []byte {
	flags := []byte{0, check}
	return binary.LittleEndian.AppendUint32(append([]byte("\xfd7zXZ\x00"), flags...), crc32.ChecksumIEEE(flags))
}

// xzIndex is an xz stream without blocks whose index says that there are many.
func xzIndex(records uint64) []byte {
	index := binary.AppendUvarint([]byte{0}, records)
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	out := append(xzHeader(1), index...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(index))
	return append(out, xzEnd(len(index)+4, []byte{0, 1})...)
}
