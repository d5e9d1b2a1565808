package fetch

import (
	"archive/tar"
	"encoding/binary"
	"fmt"
	"strings"
)

// base256 is a number in the form that tar has for those that octal digits cannot hold.
func base256(v int64) string {
	b := make([]byte, 12)
	for i := range b[:4] {
		b[i] = byte(v >> 63)
	}
	binary.BigEndian.PutUint64(b[4:], uint64(v))
	b[0] |= 0x80
	return string(b)
}

var tarSizes = []tarCase{
	{name: "negative size", want: "invalid tar header", heads: fixed(head{name: "f", size: base256(-1)})},
	{name: "most negative size", want: "invalid tar header", heads: fixed(head{name: "f", size: base256(-1 << 63)})},
	{name: "size of 8 EiB", want: "unexpected EOF", heads: fixed(head{name: "f", size: base256(1<<63 - 1)})},
	{name: "size of 8 EiB minus a block", want: "unexpected EOF", heads: fixed(head{name: "f", size: base256(1<<63 - 512)})},
	{name: "size beyond 64 bits", want: "invalid tar header", heads: fixed(head{name: "f", size: "\x80\x00\x00\x01" + strings.Repeat("\x00", 8)})},
	{name: "size of 8 GiB in octal", want: "unexpected EOF", heads: fixed(head{name: "f", size: "77777777777\x00"})},
	{name: "size that is no number", want: "invalid tar header", heads: fixed(head{name: "f", size: "lots\x00"})},
	{name: "size with nine", want: "invalid tar header", heads: fixed(head{name: "f", size: "00000000009\x00"})},
	{name: "size with a sign", want: "invalid tar header", heads: fixed(head{name: "f", size: "-0000000001\x00"})},
	{name: "no size", heads: fixed(head{name: "g", size: "\x00"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "size larger than what follows", want: "unexpected EOF", heads: fixed(head{name: "f", body: "x", size: "00000007777\x00"})},
	{name: "size that swallows the next entry", heads: fixed(
		head{name: "f", body: strings.Repeat("y", 512), size: "00000002000\x00"}, head{name: "../escaped"}, head{name: "g", body: "x"}), then: holds("g")},
	{name: "size smaller than what follows", want: "invalid tar header", heads: fixed(head{name: "f", body: strings.Repeat("y", 1024), size: "00000000001\x00"})},
	{name: "a body that ends in its block", want: "unexpected EOF", raw: func(d []byte) []byte { return d }, heads: fixed(head{name: "f", body: "xyz", size: "00000000100\x00", bare: true})},
	{name: "a body that is not filled up", raw: func(d []byte) []byte { return d }, heads: fixed(head{name: "f", body: "x", bare: true}), then: holds("f")},
	{name: "size of a directory", heads: fixed(head{name: "d/", typ: tar.TypeDir, size: "77777777777\x00"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "size of a pax header of 8 EiB", want: "unexpected EOF", heads: fixed(head{name: "p", typ: tar.TypeXHeader, size: base256(1<<63 - 1)}, head{name: "f"})},
	{name: "size of a long name of 8 EiB", want: "unexpected EOF", heads: fixed(head{name: "p", typ: 'L', size: base256(1<<63 - 1)}, head{name: "f"})},
	{name: "negative size of a long name", want: "invalid tar header", heads: fixed(head{name: "p", typ: 'L', size: base256(-5)}, head{name: "f"})},
}

var tarRecords = []tarCase{
	{name: "pax size that is negative", want: "invalid tar header", heads: fixed(pax("size=-1"), head{name: "f", body: "x"})},
	{name: "pax size beyond 64 bits", want: "invalid tar header", heads: fixed(pax("size=99999999999999999999"), head{name: "f", body: "x"})},
	{name: "pax size that is larger", want: "unexpected EOF", heads: fixed(pax("size=9000000000000000000"), head{name: "f", body: "x"})},
	{name: "pax size that hides an entry", heads: fixed(pax("size=1024"), head{name: "f", body: strings.Repeat("y", 512)}, head{name: "../escaped"}, head{name: "g", body: "x"}), then: holds("g")},
	{name: "pax size that shows an entry", want: leadsOut, heads: fixed(
		pax("size=0"), head{name: "f", body: string(head{name: "../escaped"}.bytes())}, head{name: "g", body: "x"})},
	{name: "pax path twice", want: leadsOut, heads: fixed(pax("path=fine", "path=../escaped"), head{name: "f", body: "x"})},
	{name: "pax path that is empty", heads: fixed(pax("path="), head{name: "f", body: "x"}), then: holds("f")},
	{name: "pax record of no length", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "0 path=a\n"}, head{name: "f", body: "x"})},
	{name: "pax record of too much length", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "999999 path=a\n"}, head{name: "f", body: "x"})},
	{name: "pax record of negative length", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "-9 path=a\n"}, head{name: "f", body: "x"})},
	{name: "pax record of length beyond 64 bits", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "99999999999999999999 path=a\n"}, head{name: "f"})},
	{name: "pax record without a length", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "path=a\n"}, head{name: "f", body: "x"})},
	{name: "pax record without a value", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "8 patha\n"}, head{name: "f", body: "x"})},
	{name: "pax record without an end", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "9 path=ab"}, head{name: "f", body: "x"})},
	{name: "pax record without a key", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: "5 =a\n"}, head{name: "f", body: "x"})},
	{name: "pax header of zeros", want: "invalid tar header", heads: fixed(head{typ: 'x', name: "p", body: strings.Repeat("\x00", 512)}, head{name: "f", body: "x"})},
	{name: "pax header with nothing behind it", want: either, heads: fixed(pax("path=a"))},
	{name: "two pax headers", heads: fixed(pax("path=g"), pax("path=f"), head{name: "h", body: "x"}), then: holds("f")},
	{name: "pax headers without end", want: "headers", raw: func(d []byte) []byte { return d },
		heads: fixed(many(3000, func(int) head { return pax("comment=" + strings.Repeat("c", 400)) })...)},
	{name: "empty pax headers without end", want: either, raw: func(d []byte) []byte { return d },
		heads: fixed(many(3000, func(int) head { return head{name: "p", typ: 'x'} })...)},
	{name: "long names without end", want: "headers", raw: func(d []byte) []byte { return d },
		heads: fixed(many(3000, func(int) head { return gnuLong('L', strings.Repeat("n", 400)) })...)},
	{name: "many pax records", want: either, heads: fixed(func() head {
		records := make([]string, 20_000)
		for i := range records {
			records[i] = fmt.Sprintf("comment.%d=v", i)
		}
		return pax(records...)
	}(), head{name: "f", body: "x"})},
	{name: "global path", want: leadsOut, heads: fixed(head{typ: tar.TypeXGlobalHeader, name: "g", body: pax("path=../escaped").body}, head{name: "f", body: "x"})},
	{name: "global headers without end", want: "more than 64 entries", heads: fixed(many(65, func(int) head {
		return head{typ: tar.TypeXGlobalHeader, name: "g", body: pax("comment=c").body}
	})...)},
	{name: "long name with nothing behind it", want: either, heads: fixed(gnuLong('L', "name"))},
	{name: "long name that is empty", want: either, heads: fixed(head{typ: 'L', name: "././@LongLink"}, head{name: "f", body: "x"})},
	{name: "long name with a zero byte", heads: fixed(gnuLong('L', "f\x00/../../escaped"), head{name: "h", body: "x"}), then: holds("f")},
	{name: "two long names", heads: fixed(gnuLong('L', "../escaped"), gnuLong('L', "f"), head{name: "h", body: "x"}), then: holds("f")},
	{name: "long name and pax path", want: either, heads: fixed(gnuLong('L', "f"), pax("path=../escaped"), head{name: "h", body: "x"})},

	{name: "sparse file of 8 EiB", want: "more than 1048576 bytes", heads: fixed(head{name: "s", typ: 'S', size: octal(0), gnu: sparse(1<<62, 1<<62, 0)})},
	{name: "sparse file of 2 MiB", want: "more than 1048576 bytes", heads: fixed(head{name: "s", typ: 'S', size: octal(0), gnu: sparse(2<<20, 2<<20, 0)})},
	{name: "sparse file with a negative hole", want: "invalid tar header", heads: fixed(head{name: "s", typ: 'S', size: octal(1), body: "x", gnu: sparse(512, -1, 1)})},
	{name: "sparse file that runs backwards", want: "invalid tar header", heads: fixed(head{name: "s", typ: 'S', size: octal(2), body: "xx", gnu: sparse(512, 10, 1, 5, 1)})},
	{name: "sparse file whose parts overlap", want: "invalid tar header", heads: fixed(head{name: "s", typ: 'S', size: octal(20), body: strings.Repeat("x", 20), gnu: sparse(512, 0, 10, 5, 10)})},
	{name: "sparse file with a part behind its end", want: "invalid tar header", heads: fixed(head{name: "s", typ: 'S', size: octal(1), body: "x", gnu: sparse(10, 100, 1)})},
	{name: "sparse file whose parts go over 64 bits", want: "invalid tar header", heads: fixed(head{name: "s", typ: 'S', size: octal(1), body: "x", gnu: sparse(1<<62, 1<<63-1, 1<<63-1)})},
	{name: "sparse file with more data than parts", want: either, heads: fixed(head{name: "s", typ: 'S', size: octal(512), body: strings.Repeat("x", 512), gnu: sparse(512, 0, 1)})},
	{name: "sparse pax file of 8 EiB", want: "more than 1048576 bytes", heads: fixed(
		pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=9000000000000000000"),
		head{name: "s", body: sparseMap("1\n9000000000000000000\n0\n")})},
	{name: "sparse pax file with a lying number of parts", want: "tar", heads: fixed(
		pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=100"),
		head{name: "s", body: sparseMap("9000000000000000000\n")})},
	{name: "sparse pax file with many empty parts", want: "tar", heads: fixed(
		pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=s", "GNU.sparse.realsize=0"),
		head{name: "s", body: sparseMap("300000\n" + strings.Repeat("0\n0\n", 300_000))})},
	{name: "sparse pax file named out", want: leadsOut, heads: fixed(
		pax("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=../escaped", "GNU.sparse.realsize=1"),
		head{name: "s", body: sparseMap("1\n0\n1\n") + "x"})},
	{name: "sparse pax file of the first form that lies", want: "invalid tar header", heads: fixed(
		pax("GNU.sparse.size=100", "GNU.sparse.numblocks=9999999", "GNU.sparse.map=0,1,5,1"), head{name: "s", body: "xx"})},
	{name: "sparse pax file of the first form", want: either, heads: fixed(
		pax("GNU.sparse.size=4000000000", "GNU.sparse.numblocks=1", "GNU.sparse.map=3999999999,1"), head{name: "s", body: "x"})},
}

func octal(v int64) string { return fmt.Sprintf("%011o\x00", v) }

// sparse are the fields of the old format for sparse files: parts are offsets and lengths.
func sparse(real int64, parts ...int64) string {
	b := make([]byte, 109)
	for i, v := range parts {
		copy(b[12*i:], base256(v))
	}
	copy(b[97:], base256(real))
	return string(b)
}

// sparseMap is the list of parts in front of a file's data, filled up to a block.
func sparseMap(text string) string {
	return text + strings.Repeat("\x00", (512-len(text)%512)%512)
}
