package fetch

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tarCase is what a tar archive holds, whatever it is compressed with.
type tarCase struct {
	name   string
	heads  func(outer string) []head
	want   string
	before func(t *testing.T, s *scene)
	then   func(t *testing.T, s *scene)
	raw    func(data []byte) []byte // changes the archive; nil: the usual end
}

func fixed(heads ...head) func(string) []head { return func(string) []head { return heads } }

// holds checks that a file is there, in the sandbox, with the content "x".
func holds(name string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		if got, err := s.root.ReadFile(name); err != nil || string(got) != "x" {
			t.Errorf("%q holds %.20q (%v), want x", name, got, err)
		}
	}
}

func hasMode(name string, want os.FileMode) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		if info, err := s.root.Lstat(name); err != nil || info.Mode() != want {
			t.Errorf("%q: %v (%v), want %v", name, info, err, want)
		}
	}
}

func tarSituations() (all []situation) {
	for _, list := range [][]tarCase{tarPaths, tarLinks, tarKinds, tarSizes, tarRecords, tarShapes} {
		for _, c := range list {
			for _, suffix := range []string{".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"} {
				raw := c.raw
				if raw == nil {
					raw = func(data []byte) []byte { return append(data, make([]byte, 1024)...) }
				}
				all = append(all, situation{
					name: "tar: " + c.name + suffix, file: "x" + suffix, want: c.want, before: c.before, then: c.then,
					data: func(outer string) []byte { return compress(suffix, raw(blocks(c.heads(outer)...))) },
				})
			}
		}
	}
	return all
}

const (
	leadsOut = "leads out of the sandbox"
	linksOut = "out of the sandbox"
	escapes  = "path escapes from parent"
)

var tarPaths = []tarCase{
	{name: "absolute path", want: leadsOut, heads: func(outer string) []head { return []head{{name: outer + "/escaped", body: "x"}} }},
	{name: "absolute path of a file that is there", want: leadsOut, heads: func(outer string) []head { return []head{{name: outer + "/canary", body: "x"}} }},
	{name: "absolute path with two slashes", want: leadsOut, heads: func(outer string) []head { return []head{{name: "/" + outer + "/escaped", body: "x"}} }},
	{name: "the root", want: leadsOut, heads: fixed(head{name: "/", typ: tar.TypeDir})},
	{name: "parent", want: leadsOut, heads: fixed(head{name: "../escaped", body: "x"})},
	{name: "parent itself", want: leadsOut, heads: fixed(head{name: "..", typ: tar.TypeDir})},
	{name: "parent as a file", want: leadsOut, heads: fixed(head{name: "..", body: "x"})},
	{name: "parent after a dot", want: leadsOut, heads: fixed(head{name: "./../escaped", body: "x"})},
	{name: "parent in the middle", want: leadsOut, heads: fixed(head{name: "a/../../escaped", body: "x"})},
	{name: "parent in the middle of a directory that is there", want: leadsOut, heads: fixed(head{name: "a/", typ: tar.TypeDir}, head{name: "a/../../escaped", body: "x"})},
	{name: "many parents", want: leadsOut, heads: fixed(head{name: strings.Repeat("../", 30) + "tmp/x", body: "x"})},
	{name: "a directory beside with the same beginning", want: leadsOut, heads: fixed(head{name: "../boxx/escaped", body: "x"})},
	{name: "parent directory", want: leadsOut, heads: fixed(head{name: "../escaped/", typ: tar.TypeDir})},
	{name: "parent in a pax record", want: leadsOut, heads: fixed(pax("path=../escaped"), head{name: "harmless", body: "x"})},
	{name: "absolute in a pax record", want: leadsOut, heads: func(outer string) []head {
		return []head{pax("path=" + outer + "/escaped"), {name: "harmless", body: "x"}}
	}},
	{name: "parent in a long name", want: leadsOut, heads: fixed(gnuLong('L', "../escaped"), head{name: "harmless", body: "x"})},
	{name: "absolute in a long name", want: leadsOut, heads: func(outer string) []head {
		return []head{gnuLong('L', outer+"/escaped"), {name: "harmless", body: "x"}}
	}},
	{name: "parent in the prefix", want: leadsOut, heads: fixed(head{prefix: "..", name: "escaped", body: "x"})},
	{name: "absolute prefix", want: leadsOut, heads: func(outer string) []head { return []head{{prefix: outer, name: "escaped", body: "x"}} }},
	{name: "prefix and name together", want: leadsOut, heads: fixed(head{prefix: "a/..", name: "../escaped", body: "x"})},
	{name: "a zero byte in a pax path", want: "invalid tar header", heads: fixed(pax("path=a\x00/../../escaped"), head{name: "h", body: "x"})},
	{name: "back slashes", heads: fixed(head{name: `..\..\escaped`, body: "x"}), then: holds(`..\..\escaped`)},
	{name: "a drive", heads: fixed(head{name: `C:\x`, body: "x"}), then: holds(`C:\x`)},
	{name: "dots and a space", heads: fixed(head{name: ".. /f", body: "x"}), then: holds(".. /f")},
	{name: "three dots", heads: fixed(head{name: ".../f", body: "x"}), then: holds(".../f")},
	{name: "full width dots", heads: fixed(head{name: "\uff0e\uff0e/f", body: "x"}), then: holds("\uff0e\uff0e/f")},
	{name: "overlong dots", heads: fixed(head{name: "\xc0\xae\xc0\xae/f", body: "x"}), then: holds("\xc0\xae\xc0\xae/f")},
	{name: "percent dots", heads: fixed(head{name: "%2e%2e/f", body: "x"}), then: holds("%2e%2e/f")},
	{name: "invalid UTF-8", heads: fixed(head{name: "\xff\xfe\x80", body: "x"}), then: holds("\xff\xfe\x80")},
	{name: "control characters", heads: fixed(head{name: "a\x1b[2J\r\nb\x07", body: "x"}), then: holds("a\x1b[2J\r\nb\x07")},
	{name: "control characters on the way out", want: leadsOut, heads: fixed(head{name: "../\x1b[2J\r\nescaped", body: "x"})},
	{name: "control characters that fail", want: "not a directory", heads: fixed(head{name: "a\x1b[2J", body: "x"}, head{name: "a\x1b[2J/b", body: "x"})},
	{name: "right to left", heads: fixed(head{name: "gpj.\u202eexe", body: "x"}), then: holds("gpj.\u202eexe")},
	{name: "composed and decomposed", heads: fixed(head{name: "\u00e9", body: "x"}, head{name: "e\u0301", body: "x"}), then: holds("e\u0301")},
	{name: "case tricks", heads: fixed(head{name: "A", body: "y"}, head{name: "a", body: "x"}), then: holds("a")},
	{name: "a case trick with a link", heads: fixed(head{name: "D", typ: tar.TypeSymlink, link: "."}, head{name: "d/f", body: "x"}), then: holds("d/f")},
	{name: "a name of 255 bytes", heads: fixed(gnuLong('L', strings.Repeat("n", 255)), head{name: "s", body: "x"}), then: holds(strings.Repeat("n", 255))},
	{name: "a name of 256 bytes", want: "file name too long", heads: fixed(gnuLong('L', strings.Repeat("n", 256)), head{name: "s", body: "x"})},
	{name: "a name of 100000 bytes", want: "name has 100000 bytes", heads: fixed(gnuLong('L', strings.Repeat("n", 100_000)), head{name: "s", body: "x"})},
	{name: "a pax name of 100000 bytes", want: "name has 100000 bytes", heads: fixed(pax("path="+strings.Repeat("n", 100_000)), head{name: "s", body: "x"})},
	{name: "a name of 2 MiB", want: "header field too long", heads: fixed(gnuLong('L', strings.Repeat("n", 2<<20)), head{name: "s", body: "x"})},
	{name: "128 levels", want: "more than 64 entries", heads: fixed(gnuLong('L', strings.Repeat("d/", 128)+"f"), head{name: "s", body: "x"})},
	{name: "129 levels", want: "name has 129 levels", heads: fixed(gnuLong('L', strings.Repeat("d/", 129)+"f"), head{name: "s", body: "x"})},
	{name: "the directory itself as a file", heads: fixed(head{name: ".", body: "x"})},
	{name: "the directory itself as a link", heads: fixed(head{name: "./", typ: tar.TypeSymlink, link: ".."}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "no name", heads: fixed(head{body: "x"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "down and up again", heads: fixed(head{name: "a/..", typ: tar.TypeSymlink, link: ".."}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "many slashes", heads: fixed(head{name: "a////b/.//f", body: "x"}), then: holds("a/b/f")},
}

var tarLinks = []tarCase{
	{name: "symlink to an absolute path", want: linksOut, heads: func(outer string) []head {
		return []head{{name: "l", typ: tar.TypeSymlink, link: outer}, {name: "l/escaped", body: "x"}}
	}},
	{name: "symlink to the parent", want: linksOut, heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: ".."}, head{name: "l/escaped", body: "x"})},
	{name: "symlink to the parent from below", want: linksOut, heads: fixed(head{name: "a/l", typ: tar.TypeSymlink, link: "../../boxx"}, head{name: "a/l/escaped", body: "x"})},
	{name: "symlink to the parent behind a directory", want: linksOut, heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "a/../.."})},
	{name: "symlink to a file outside, written through", want: linksOut, heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "../canary"}, head{name: "l", body: "x"})},
	{name: "symlink to /proc", want: linksOut, heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "/proc/self/cwd"}, head{name: "l/escaped", body: "x"})},
	{name: "symlink out in a pax record", want: linksOut, heads: fixed(pax("linkpath=../dir"), head{name: "l", typ: tar.TypeSymlink, link: "harmless"}, head{name: "l/escaped", body: "x"})},
	{name: "symlink out in a long link", want: linksOut, heads: fixed(gnuLong('K', "../dir"), head{name: "l", typ: tar.TypeSymlink, link: "harmless"}, head{name: "l/escaped", body: "x"})},
	{name: "links that lead out together", want: escapes, heads: fixed(
		head{name: "a/", typ: tar.TypeDir}, head{name: "a/up", typ: tar.TypeSymlink, link: ".."},
		head{name: "out", typ: tar.TypeSymlink, link: "a/up/.."}, head{name: "out/escaped", body: "x"})},
	{name: "links that lead out together to a directory", want: escapes, heads: fixed(
		head{name: "a/up", typ: tar.TypeSymlink, link: ".."},
		head{name: "out", typ: tar.TypeSymlink, link: "a/up/../dir"}, head{name: "out/escaped/", typ: tar.TypeDir})},
	{name: "links that lead out together to a hard link", want: escapes, heads: fixed(
		head{name: "a/up", typ: tar.TypeSymlink, link: ".."},
		head{name: "out", typ: tar.TypeSymlink, link: "a/up/.."}, head{name: "h", typ: tar.TypeLink, link: "out/canary"})},
	{name: "links that lead out together, to a link there", want: escapes, heads: fixed(
		head{name: "a/up", typ: tar.TypeSymlink, link: ".."},
		head{name: "out", typ: tar.TypeSymlink, link: "a/up/.."}, head{name: "out/escaped", typ: tar.TypeSymlink, link: "f"})},
	{name: "a directory that becomes a link", want: "directory not empty", heads: fixed(
		head{name: "d/f", body: "x"}, head{name: "d", typ: tar.TypeSymlink, link: "."}, head{name: "d/g", body: "x"})},
	{name: "an empty directory that becomes a link", heads: fixed(
		head{name: "d/", typ: tar.TypeDir}, head{name: "d", typ: tar.TypeSymlink, link: "."}, head{name: "d/g", body: "x"}), then: holds("g")},
	{name: "a link inside, written through", heads: fixed(
		head{name: "r/", typ: tar.TypeDir}, head{name: "l", typ: tar.TypeSymlink, link: "r"}, head{name: "l/f", body: "x"}), then: holds("r/f")},
	{name: "a link to itself", want: "too many", heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "l"}, head{name: "l/f", body: "x"})},
	{name: "a circle of links", want: "too many", heads: fixed(
		head{name: "a", typ: tar.TypeSymlink, link: "b"}, head{name: "b", typ: tar.TypeSymlink, link: "a"}, head{name: "a/f", body: "x"})},
	{name: "a link to nowhere, replaced", heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "nowhere"}, head{name: "l", body: "x"}), then: holds("l")},
	{name: "symlink with an empty target", want: "no such file", heads: fixed(head{name: "l", typ: tar.TypeSymlink})},
	{name: "symlink with a long target", want: "bytes, want at most", heads: fixed(gnuLong('K', strings.Repeat("t/", 50_000)), head{name: "l", typ: tar.TypeSymlink})},
	{name: "symlink with control characters", want: linksOut, heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "../\x1b[2J"})},
	{name: "symlink with a body", heads: fixed(head{name: "l", typ: tar.TypeSymlink, link: "f", size: "00000000001\x00"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "hard link to an absolute path", want: linksOut, heads: func(outer string) []head { return []head{{name: "h", typ: tar.TypeLink, link: outer + "/canary"}} }},
	{name: "hard link to the parent", want: linksOut, heads: fixed(head{name: "h", typ: tar.TypeLink, link: "../canary"})},
	{name: "hard link out in a pax record", want: linksOut, heads: fixed(pax("linkpath=../canary"), head{name: "h", typ: tar.TypeLink, link: "f"})},
	{name: "hard link out in a long link", want: linksOut, heads: fixed(gnuLong('K', "../canary"), head{name: "h", typ: tar.TypeLink, link: "f"})},
	{name: "hard link out, written over", want: linksOut, heads: fixed(head{name: "h", typ: tar.TypeLink, link: "../canary"}, head{name: "h", body: "x"})},
	{name: "hard link to itself", want: "no such file", heads: fixed(head{name: "f", body: "x"}, head{name: "f", typ: tar.TypeLink, link: "f"})},
	{name: "hard link to nothing", want: "no such file", heads: fixed(head{name: "h", typ: tar.TypeLink, link: "nothing"})},
	{name: "hard link to a directory", want: "operation not permitted", heads: fixed(head{name: "d/", typ: tar.TypeDir}, head{name: "h", typ: tar.TypeLink, link: "d"})},
	{name: "hard link, then written over", heads: fixed(
		head{name: "f", body: "x"}, head{name: "h", typ: tar.TypeLink, link: "f"}, head{name: "h", body: "other"}), then: holds("f")},
	{name: "hard link with a long target", want: "bytes, want at most", heads: fixed(gnuLong('K', strings.Repeat("t/", 50_000)), head{name: "h", typ: tar.TypeLink})},
	{name: "a link that was there, as a directory", want: escapes, before: linkThere("dir"), heads: fixed(head{name: "there/escaped", body: "x"})},
	{name: "a link that was there, as a directory of a directory", want: escapes, before: linkThere("dir"), heads: fixed(head{name: "there/escaped/", typ: tar.TypeDir})},
	{name: "a link that was there, as a file", before: linkThere("canary"), heads: fixed(head{name: "there", body: "x"}), then: holds("there")},
	{name: "a link that was there, as a link", before: linkThere("canary"), heads: fixed(head{name: "there", typ: tar.TypeSymlink, link: "f"}, head{name: "f", body: "x"}), then: holds("there")},
	{name: "a link that was there, linked and written over", before: linkThere("canary"),
		heads: fixed(head{name: "h", typ: tar.TypeLink, link: "there"}, head{name: "h", body: "x"}), then: holds("h")},
	{name: "a link that was there, hard linked through", want: escapes, before: linkThere("dir"), heads: fixed(head{name: "h", typ: tar.TypeLink, link: "there/canary"})},
	{name: "an absolute link that was there", want: escapes, heads: fixed(head{name: "there/escaped", body: "x"}), before: func(t *testing.T, s *scene) {
		must(t, os.Symlink(filepath.Join(s.outer, "dir"), filepath.Join(s.dir, "there")))
	}},
}

// linkThere leaves a link to something outside in the sandbox.
func linkThere(target string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) { must(t, os.Symlink("../"+target, filepath.Join(s.dir, "there"))) }
}

var tarKinds = []tarCase{
	{name: "character device", want: "a character device", heads: fixed(head{name: "null", typ: tar.TypeChar})},
	{name: "block device", want: "a block device", heads: fixed(head{name: "sda", typ: tar.TypeBlock})},
	{name: "pipe", want: "a pipe", heads: fixed(head{name: "pipe", typ: tar.TypeFifo})},
	{name: "contiguous file", want: "of type '7'", heads: fixed(head{name: "f", typ: tar.TypeCont, body: "x"})},
	{name: "unknown kind", want: "of type 'Z'", heads: fixed(head{name: "f", typ: 'Z', body: "x"})},
	{name: "kind that nobody can print", want: `of type '\x1b'`, heads: fixed(head{name: "f", typ: 0x1b, body: "x"})},
	{name: "volume label", want: "of type 'V'", heads: fixed(head{name: "label", typ: 'V'})},
	{name: "continued from another volume", want: "of type 'M'", heads: fixed(head{name: "f", typ: 'M', body: "x"})},
	{name: "dump directory", want: "of type 'D'", heads: fixed(head{name: "d", typ: 'D', body: "Yf\x00\x00"})},
	{name: "setuid", heads: fixed(head{name: "f", body: "x", mode: "0004755\x00"}), then: hasMode("f", 0o755)},
	{name: "setgid", heads: fixed(head{name: "f", body: "x", mode: "0002755\x00"}), then: hasMode("f", 0o755)},
	{name: "sticky", heads: fixed(head{name: "f", body: "x", mode: "0001777\x00"}), then: hasMode("f", 0o777)},
	{name: "setgid directory", heads: fixed(head{name: "d/", typ: tar.TypeDir, mode: "0002777\x00"}), then: hasMode("d", os.ModeDir|0o755)},
	{name: "directory that nobody may enter", heads: fixed(head{name: "d/", typ: tar.TypeDir, mode: "0000000\x00"}, head{name: "d/f", body: "x"}), then: holds("d/f")},
	{name: "mode with every bit", heads: fixed(head{name: "f", body: "x", mode: "7777777\x00"}), then: hasMode("f", 0o777)},
	{name: "mode that is no number", want: "invalid tar header", heads: fixed(head{name: "f", body: "x", mode: "rwxrwxr\x00"})},
	{name: "capabilities in a pax record", heads: fixed(pax("SCHILY.xattr.security.capability=\x01\x00\x00\x02"), head{name: "f", body: "x"}), then: func(t *testing.T, s *scene) {
		if n, _ := syscall.Listxattr(filepath.Join(s.dir, "f"), make([]byte, 256)); n > 0 {
			t.Error("attributes were taken over")
		}
	}},
	{name: "owner in a pax record", heads: fixed(pax("uid=4000000000", "gid=4000000000", "uname=root"), head{name: "f", body: "x"}), then: func(t *testing.T, s *scene) {
		if info, err := s.root.Stat("f"); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			t.Errorf("owner of f was taken over: %v", err)
		}
	}},
	{name: "time far away", heads: fixed(pax("mtime=99999999999999"), head{name: "f", body: "x"}), then: holds("f")},
	{name: "time that is no number", want: "invalid tar header", heads: fixed(pax("mtime=noon"), head{name: "f", body: "x"})},
}

var tarShapes = []tarCase{
	{name: "the same file twice", heads: fixed(head{name: "f", body: "first"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "a file that becomes a directory", want: "not a directory", heads: fixed(head{name: "f", body: "x"}, head{name: "f/g", body: "x"})},
	{name: "a directory that becomes a file", want: "directory not empty", heads: fixed(head{name: "d/f", body: "x"}, head{name: "d", body: "x"})},
	{name: "over a file of the sandbox", heads: fixed(head{name: "resident", body: "x"}), then: holds("resident")},
	{name: "over a directory of the sandbox", want: "directory not empty", heads: fixed(head{name: "d", body: "x"}),
		before: func(t *testing.T, s *scene) { must(t, os.MkdirAll(filepath.Join(s.dir, "d/e"), 0o755)) }},
	{name: "over a pipe of the sandbox", heads: fixed(head{name: "p", body: "x"}), then: holds("p"),
		before: func(t *testing.T, s *scene) { must(t, syscall.Mkfifo(filepath.Join(s.dir, "p"), 0o600)) }},
	{name: "over a file that is read only", heads: fixed(head{name: "ro", body: "x"}), then: holds("ro"),
		before: func(t *testing.T, s *scene) {
			must(t, os.WriteFile(filepath.Join(s.dir, "ro"), nil, 0o400))
		}},
	{name: "over another name of a file outside", heads: fixed(head{name: "h", body: "x"}), then: holds("h"),
		before: func(t *testing.T, s *scene) {
			must(t, os.WriteFile(filepath.Join(s.outer, "shared"), []byte("y"), 0o600))
			must(t, os.Link(filepath.Join(s.outer, "shared"), filepath.Join(s.dir, "h")))
			// The name in the sandbox goes; the file outside has one fewer, and stays.
			t.Cleanup(func() {
				if got, _ := os.ReadFile(filepath.Join(s.outer, "shared")); string(got) != "y" {
					t.Errorf("the file outside holds %q", got)
				}
			})
			must(t, os.Remove(filepath.Join(s.dir, "h")))
			must(t, os.WriteFile(filepath.Join(s.dir, "h"), nil, 0o600))
		}},
	{name: "over itself", heads: fixed(head{name: "x.tar", body: "x"}, head{name: "x.tar.gz", body: "x"}, head{name: "f", body: "x"}), then: holds("f")},
	{name: "over the output of the task", heads: fixed(head{name: "stdout", typ: tar.TypeSymlink, link: "stderr"}, head{name: "stderr", body: "x"}), then: holds("stderr")},
	{name: "no end", raw: func(data []byte) []byte { return data }, heads: fixed(head{name: "f", body: "x"}), then: holds("f")},
	{name: "half an end", raw: func(data []byte) []byte { return append(data, make([]byte, 512)...) }, heads: fixed(head{name: "f", body: "x"}), then: holds("f")},
	{name: "garbage behind the end", heads: fixed(head{name: "f", body: "x"}), then: holds("f"),
		raw: func(data []byte) []byte {
			return append(append(data, make([]byte, 1024)...), strings.Repeat("garbage", 100)...)
		}},
	{name: "garbage in place of an end", want: "invalid tar header", heads: fixed(head{name: "f", body: "x"}),
		raw: func(data []byte) []byte { return append(data, strings.Repeat("garbage!", 128)...) }},
	{name: "another archive behind the end", heads: fixed(head{name: "f", body: "x"}), then: holds("f"),
		raw: func(data []byte) []byte {
			return append(append(data, make([]byte, 1024)...), pack(head{name: "../escaped", body: "x"})...)
		}},
	{name: "much behind the end", want: either, heads: fixed(head{name: "f", body: "x"}),
		raw: func(data []byte) []byte { return append(data, make([]byte, 3<<20)...) }},
	{name: "checksum that is wrong", want: "invalid tar header", heads: fixed(head{name: "f", body: "x", sum: "000001\x00 "})},
	{name: "checksum that is no number", want: "invalid tar header", heads: fixed(head{name: "f", body: "x", sum: "zzzzzz\x00 "})},
	{name: "second header broken", want: "after 1 entries", heads: fixed(head{name: "f", body: "x"}, head{name: "g", sum: "000001\x00 "})},
	{name: "format of the seventh edition", heads: fixed(head{name: "f", body: "x", v7: true}), then: holds("f")},
	{name: "too many entries", want: "more than 64 entries", heads: fixed(many(65, func(i int) head { return head{name: fmt.Sprint("f", i)} })...)},
	{name: "too many of the same entry", want: "more than 64 entries", heads: fixed(many(65, func(int) head { return head{name: "f"} })...)},
	{name: "too many of nothing", want: "more than 64 entries", heads: fixed(many(65, func(int) head { return head{name: "./"} })...)},
	{name: "too many directories on the way", want: "more than 64 entries", heads: fixed(many(30, func(i int) head { return head{name: fmt.Sprintf("d%d/a/b/c/", i), typ: tar.TypeDir} })...)},
	{name: "too many links", want: "more than 64 entries", heads: fixed(many(65, func(i int) head { return head{name: fmt.Sprint("l", i), typ: tar.TypeSymlink, link: "f"} })...)},
	{name: "too large", want: "more than 1048576 bytes", heads: fixed(head{name: "big", body: strings.Repeat("\x00", 1<<20+1)})},
	{name: "too large together", want: "more than 1048576 bytes", heads: fixed(many(5, func(i int) head { return head{name: fmt.Sprint("f", i), body: strings.Repeat("\x00", 1<<18)} })...)},
	{name: "too large under one name", want: "more than 1048576 bytes", heads: fixed(many(5, func(int) head { return head{name: "f", body: strings.Repeat("\x00", 1<<18)} })...)},
}

func many(n int, make func(int) head) (heads []head) {
	for i := range n {
		heads = append(heads, make(i))
	}
	return heads
}
