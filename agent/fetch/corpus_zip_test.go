package fetch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// part is an entry of a zip file.
type part struct {
	name, body string
	mode       os.FileMode // default 0644
	store      bool
}

func zipOf(parts ...part) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, p := range parts {
		h := &zip.FileHeader{Name: p.name, Method: zip.Deflate}
		if p.store {
			h.Method = zip.Store
		}
		if p.mode == 0 {
			p.mode = 0o644
		}
		h.SetMode(p.mode)
		f, err := w.CreateHeader(h)
		if err == nil && p.body != "" {
			_, err = f.Write([]byte(p.body))
		}
		if err != nil {
			panic("BUG: zip: " + err.Error())
		}
	}
	if err := w.Close(); err != nil {
		panic("BUG: zip: " + err.Error())
	}
	return buf.Bytes()
}

const (
	zipLocal     = "PK\x03\x04"
	zipDirectory = "PK\x01\x02"
	zipEnd       = "PK\x05\x06"
)

// edited changes bytes behind the last occurrence of a signature.
func edited(data []byte, signature string, at int, bytesThere ...byte) []byte {
	i := bytes.LastIndex(data, []byte(signature))
	data = slices.Clone(data)
	copy(data[i+at:], bytesThere)
	return data
}

func le16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// overlapping is a zip file whose entries share the data of one.
func overlapping(n int, body string) []byte {
	one := zipOf(part{name: "f0", body: body})
	dir, end := bytes.LastIndex(one, []byte(zipDirectory)), bytes.LastIndex(one, []byte(zipEnd))
	entry := one[dir:end]
	out := slices.Clone(one[:dir])
	for i := range n {
		e := slices.Clone(entry)
		copy(e[46:], fmt.Sprintf("f%d", i%10))
		out = append(out, e...)
	}
	tail := slices.Clone(one[end:])
	copy(tail[8:], le16(uint16(n)))
	copy(tail[10:], le16(uint16(n)))
	copy(tail[12:], le32(uint32(n*len(entry))))
	return append(out, tail...)
}

// zip64 is a zip file of one entry with the longer form of sizes, which are lies.
func zip64(size, packed, offset uint64) []byte {
	extra := slices.Concat(le16(1), le16(24), le64(size), le64(packed), le64(offset))
	one := zipOf(part{name: "f", body: "x", store: true})
	dir, end := bytes.LastIndex(one, []byte(zipDirectory)), bytes.LastIndex(one, []byte(zipEnd))
	entry := slices.Clone(one[dir : dir+47])
	copy(entry[20:], le32(0xffffffff))
	copy(entry[24:], le32(0xffffffff))
	copy(entry[30:], le16(uint16(len(extra))))
	copy(entry[42:], le32(0xffffffff))
	entry = append(entry, extra...)
	tail := slices.Clone(one[end:])
	copy(tail[12:], le32(uint32(len(entry))))
	return slices.Concat(one[:dir], entry, tail)
}

// zip64End is a zip file whose end says how much there is in the longer form.
func zip64End(records, size, offset uint64) []byte {
	one := zipOf(part{name: "f", body: "x"})
	end := bytes.LastIndex(one, []byte(zipEnd))
	out := slices.Clone(one[:end])
	long := slices.Concat([]byte("PK\x06\x06"), le64(44), le16(45), le16(45), le32(0), le32(0), le64(records), le64(records), le64(size), le64(offset))
	locator := slices.Concat([]byte("PK\x06\x07"), le32(0), le64(uint64(end)), le32(1))
	tail := slices.Concat([]byte(zipEnd), le16(0), le16(0), le16(0xffff), le16(0xffff), le32(0xffffffff), le32(0xffffffff), le16(0))
	return slices.Concat(out, long, locator, tail)
}

func zipSituations() (all []situation) {
	add := func(name, want string, data []byte, then func(*testing.T, *scene)) {
		all = append(all, situation{name: "zip: " + name, file: "x.zip", want: want, then: then, data: func(string) []byte { return data }})
	}
	around := func(name, want string, data func(outer string) []byte) {
		all = append(all, situation{name: "zip: " + name, file: "x.zip", want: want, data: data})
	}
	link := os.ModeSymlink | 0o777
	around("absolute path", leadsOut, func(outer string) []byte { return zipOf(part{name: outer + "/escaped", body: "x"}) })
	around("absolute link, written through", linksOut, func(outer string) []byte {
		return zipOf(part{name: "l", body: outer, mode: link}, part{name: "l/escaped", body: "x"})
	})
	for name, hostile := range map[string]string{
		"parent": "../escaped", "parent in the middle": "a/../../escaped", "parent itself": "..", "parent directory": "../escaped/",
		"beside with the same beginning": "../boxx/escaped", "many parents": strings.Repeat("../", 40) + "tmp/x", "parent after a dot": "./../escaped",
		"control characters on the way out": "../\x1b[2J\n", "the root": "/",
	} {
		add(name, leadsOut, zipOf(part{name: hostile, body: ""}), nil)
	}
	for name, odd := range map[string]string{
		"back slashes": `..\..\escaped`, "a drive": `C:\x`, "control characters": "a\x1b[2J\r\nb", "right to left": "gpj.\u202eexe",
		"invalid UTF-8": "\xff\xfe\x80", "full width dots": "\uff0e\uff0e/f", "overlong dots": "\xc0\xae\xc0\xae/f", "three dots": ".../f", "many slashes": "a///b/./f",
	} {
		add(name, "", zipOf(part{name: odd, body: "x"}), holds(strings.ReplaceAll(strings.ReplaceAll(odd, "///", "/"), "/./", "/")))
	}
	add("a zero byte", "zero byte", zipOf(part{name: "a\x00b", body: "x"}), nil)
	add("a name of 256 bytes", "file name too long", zipOf(part{name: strings.Repeat("n", 256), body: "x"}), nil)
	add("a name of 60000 bytes", "name has 60000 bytes", zipOf(part{name: strings.Repeat("n", 60_000), body: "x"}), nil)
	add("129 levels", "name has 129 levels", zipOf(part{name: strings.Repeat("d/", 129) + "f", body: "x"}), nil)
	add("no name", "", zipOf(part{body: "x"}, part{name: "f", body: "x"}), holds("f"))
	add("the directory itself", "", zipOf(part{name: "./", mode: os.ModeDir | 0o777}, part{name: "f", body: "x"}), holds("f"))

	add("link to the parent, written through", linksOut, zipOf(part{name: "l", body: "..", mode: link}, part{name: "l/escaped", body: "x"}), nil)
	add("link to a file outside, written over", linksOut, zipOf(part{name: "l", body: "../canary", mode: link}, part{name: "l", body: "x"}), nil)
	add("links that lead out together", escapes, zipOf(part{name: "a/up", body: "..", mode: link}, part{name: "out", body: "a/up/..", mode: link}, part{name: "out/escaped", body: "x"}), nil)
	add("a circle of links", "too many", zipOf(part{name: "a", body: "b", mode: link}, part{name: "b", body: "a", mode: link}, part{name: "a/f", body: "x"}), nil)
	add("link with a long target", "more than 4096 bytes", zipOf(part{name: "l", body: strings.Repeat("t", 5000), mode: link}), nil)
	add("link whose target is a bomb", "more than 4096 bytes", zipOf(part{name: "l", body: strings.Repeat("t", 8<<20), mode: link}), nil)
	add("link with a zero byte", "zero byte", zipOf(part{name: "l", body: "a\x00/..", mode: link}), nil)
	add("link with an empty target", "no such file", zipOf(part{name: "l", mode: link}), nil)
	add("link, then a file over it", "", zipOf(part{name: "l", body: "f", mode: link}, part{name: "l", body: "x"}), holds("l"))
	add("link that is compressed wrongly", "checksum", edited(zipOf(part{name: "l", body: "f", mode: link, store: true}), zipLocal, 31, '.'), nil)

	for name, mode := range map[string]os.FileMode{
		"character device": os.ModeDevice | os.ModeCharDevice, "block device": os.ModeDevice, "pipe": os.ModeNamedPipe, "socket": os.ModeSocket,
	} {
		add(name, "it is of type", zipOf(part{name: "f", mode: mode | 0o666}), nil)
	}
	add("setuid", "", zipOf(part{name: "f", body: "x", mode: os.ModeSetuid | 0o755}), hasMode("f", 0o755))
	add("setgid", "", zipOf(part{name: "f", body: "x", mode: os.ModeSetgid | 0o755}), hasMode("f", 0o755))
	add("sticky", "", zipOf(part{name: "f", body: "x", mode: os.ModeSticky | 0o777}), hasMode("f", 0o777))

	add("the same file twice", "", zipOf(part{name: "f", body: "first"}, part{name: "f", body: "x"}), holds("f"))
	add("case tricks", "", zipOf(part{name: "F", body: "y"}, part{name: "f", body: "x"}), holds("f"))
	add("a file that becomes a directory", "not a directory", zipOf(part{name: "f", body: "x"}, part{name: "f/g", body: "x"}), nil)
	add("a directory that becomes a file", "directory not empty", zipOf(part{name: "d/f", body: "x"}, part{name: "d", body: "x"}), nil)
	add("a directory with a body", either, edited(zipOf(part{name: "ff", body: "x"}), zipDirectory, 46, 'd', '/'), nil)

	manyParts := func(n int, name string) (parts []part) {
		for i := range n {
			parts = append(parts, part{name: strings.ReplaceAll(name, "#", fmt.Sprint(i))})
		}
		return parts
	}
	add("too many entries", "archive has 65 entries", zipOf(manyParts(65, "f#")...), nil)
	add("too many of one name", "archive has 65 entries", zipOf(manyParts(65, "f")...), nil)
	add("too many directories on the way", "more than 64 entries", zipOf(manyParts(30, "d#/a/b/c/f")...), nil)
	add("a table of contents that is a bomb", "table of contents is longer than", zipOf(manyParts(8000, "f#")...), nil)
	add("a table of contents with long names", "table of contents is longer than", zipOf(manyParts(14, strings.Repeat("n", 60_000)+"#")...), nil)
	add("too large", "more than 1048576 bytes", zipOf(part{name: "f", body: strings.Repeat("\x00", 4<<20)}), nil)
	add("too large together", "more than 1048576 bytes", zipOf(slices.Repeat([]part{{name: "f", body: strings.Repeat("\x00", 1<<18)}}, 5)...), nil)
	add("a zip in a zip stays one", "", zipOf(part{name: "in.zip", body: string(zipOf(part{name: "../escaped", body: "x"}))}), nil)
	add("overlapping entries that are a bomb", "more than 1048576 bytes", overlapping(60, strings.Repeat("\x00", 1<<18)), nil)
	add("overlapping entries that are small", either, overlapping(10, "x"), nil)

	good := zipOf(part{name: "f", body: "x", store: true})
	add("local name that is another", "", edited(good, zipLocal, 30, '/'), holds("f"))
	add("local header missing", "not a valid zip file", edited(good, zipLocal, 0, 'X'), nil)
	add("local header far away", "zip", edited(good, zipDirectory, 42, 0xff, 0xff, 0xff, 0x7f), nil)
	add("local extra that is longer than the file", either, edited(good, zipLocal, 28, 0xff, 0xff), nil)
	add("checksum that is wrong", "checksum", edited(good, zipDirectory, 16, 1, 2, 3, 4), nil)
	add("data that is changed", "checksum", edited(good, zipLocal, 31, 'y'), nil)
	add("size that is larger", "unexpected EOF", edited(good, zipDirectory, 24, 0xff, 0xff), nil)
	add("size that is smaller", "not a valid zip file", edited(zipOf(part{name: "f", body: "xxxx"}), zipDirectory, 24, 1, 0), nil)
	add("packed size that is larger than the file", either, edited(good, zipDirectory, 20, 0xff, 0xff, 0xff), nil)
	add("method that nobody knows", "unsupported compression", edited(good, zipDirectory, 10, 99), nil)
	add("encrypted", "encrypted", edited(good, zipDirectory, 8, 1), nil)
	add("no data at all for a method", "unexpected EOF", edited(zipOf(part{name: "f", body: "xxxxxxxx"}), zipDirectory, 20, 0, 0, 0, 0), nil)
	add("number of entries that is larger", "unexpected EOF", edited(good, zipEnd, 8, 9, 0, 9, 0), nil)
	add("number of entries that is far larger", "unexpected EOF", edited(good, zipEnd, 8, 0xfe, 0xff, 0xfe, 0xff), nil)
	add("number of entries that is zero", "unexpected EOF", edited(good, zipEnd, 8, 0, 0, 0, 0), nil)
	add("table of contents outside of the file", "negative offset", edited(good, zipEnd, 16, 0xff, 0xff, 0xff, 0x7f), nil)
	add("table of contents longer than the file", "not a valid zip file", edited(good, zipEnd, 12, 0xff, 0xff, 0xff, 0x7f), nil)
	add("comment longer than the file", "not a valid zip file", edited(good, zipEnd, 20, 0xff, 0xff), nil)
	add("data in front", "", append([]byte("#!/bin/sh\nexit\n"), good...), holds("f"))
	add("data behind", either, append(slices.Clone(good), "behind"...), nil)
	add("no table of contents", "not a valid zip file", good[:bytes.Index(good, []byte(zipDirectory))], nil)
	add("no end", "not a valid zip file", good[:bytes.Index(good, []byte(zipEnd))], nil)
	add("only an end", "", slices.Concat([]byte(zipEnd), make([]byte, 18)), nil)
	add("long sizes that are right", "", zip64(1, 1, 0), holds("f"))
	add("long size of 16 EiB", "zip", zip64(1<<64-1, 1, 0), nil)
	add("long packed size of 16 EiB", "zip", zip64(1, 1<<64-1, 0), nil)
	add("long size larger than the data", "zip", zip64(1<<40, 1<<40, 0), nil)
	add("long offset outside", "zip", zip64(1, 1, 1<<62), nil)
	add("long offset that is negative", "zip", zip64(1, 1, 1<<63+5), nil)
	add("long end with 2^63 entries", "not a valid zip file", zip64End(1<<63, 47, 0), nil)
	add("long end with a billion entries", "not a valid zip file", zip64End(1<<30, 47, 0), nil)
	add("long end far away", "zip", zip64End(1, 47, 1<<62), nil)
	add("long end with a huge table", "zip", zip64End(1, 1<<62, 0), nil)
	return all
}
