package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

type box struct {
	dir  string
	root *os.Root
}

func newBox(t *testing.T) box {
	dir := filepath.Join(t.TempDir(), "box")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return box{dir, root}
}

func (b box) fetch(o Options, uris ...*mesos.CommandInfo_URI) error {
	return New(o).Fetch(context.Background(), b.root, uris, sandbox.Owner{})
}

func (b box) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func uri(value string) *mesos.CommandInfo_URI { return &mesos.CommandInfo_URI{Value: &value} }

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// member is an entry of a test archive; a name that ends in a slash is a directory.
type member struct {
	name, body, link string
	typ              byte
	mode             int64
}

func makeTar(t *testing.T, members ...member) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.typ, Linkname: m.link, Mode: m.mode, Size: int64(len(m.body))}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func makeZip(t *testing.T, members ...member) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(os.FileMode(m.mode))
		if m.typ == tar.TypeSymlink {
			h.SetMode(0o777 | os.ModeSymlink)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(m.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gz(data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(data)
	_ = w.Close()
	return buf.Bytes()
}

func zst(data []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(data, nil)
}

func TestLocalFiles(t *testing.T) {
	b := newBox(t)
	src := write(t, "tool", []byte("#!/bin/sh\n"))
	exe, out := uri("file://"+src), uri(src)
	exe.Executable = new(true)
	out.OutputFile = new("dir/renamed")
	if err := b.fetch(Options{}, exe, out); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(b.dir, "tool"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("executable: %v %v", info, err)
	}
	if got := b.read(t, "dir/renamed"); got != "#!/bin/sh\n" {
		t.Errorf("renamed: %q", got)
	}
}

func TestArchives(t *testing.T) {
	plain := makeTar(t, member{name: "d/", typ: tar.TypeDir}, member{name: "d/f", body: "content", mode: 0o4755},
		member{name: "l", typ: tar.TypeSymlink, link: "d/f"}, member{name: "h", typ: tar.TypeLink, link: "d/f"})
	for name, data := range map[string][]byte{
		"a.tar": plain, "a.tar.gz": gz(plain), "a.tgz": gz(plain), "a.tar.zst": zst(plain),
		"a.zip": makeZip(t, member{name: "d/", mode: int64(os.ModeDir | 0o755)}, member{name: "d/f", body: "content", mode: 0o755},
			member{name: "l", typ: tar.TypeSymlink, body: "d/f"}, member{name: "h", body: "content", mode: 0o644}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			if err := b.fetch(Options{}, uri(write(t, name, data))); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"d/f", "l", "h"} {
				if got := b.read(t, f); got != "content" {
					t.Errorf("%s: %q", f, got)
				}
			}
			info, _ := os.Stat(filepath.Join(b.dir, "d/f"))
			if info.Mode() != 0o755 {
				t.Errorf("mode of d/f: %v, want 0755 without setuid", info.Mode())
			}
			if _, err := os.Stat(filepath.Join(b.dir, name)); err != nil {
				t.Errorf("the archive itself is gone: %v", err)
			}
		})
	}
	b := newBox(t)
	if err := b.fetch(Options{}, uri(write(t, "words.gz", gz([]byte("words"))))); err != nil || b.read(t, "words") != "words" {
		t.Errorf("single gzip file: %v", err)
	}
	b = newBox(t)
	kept := uri(write(t, "b.tar", plain))
	kept.Extract = new(false)
	if err := b.fetch(Options{}, kept); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "d")); err == nil {
		t.Error("extract=false was unpacked")
	}
}

// Nothing that an archive says makes the agent write outside, or more than allowed.
func TestHostileArchives(t *testing.T) {
	bomb := strings.Repeat("0", 1<<20)
	many := make([]member, 50)
	for i := range many {
		many[i] = member{name: fmt.Sprint("f", i)}
	}
	cases := map[string][]member{
		"absolute path":        {{name: "/tmp/caprock-escaped", body: "x"}},
		"parent path":          {{name: "../escaped", body: "x"}},
		"parent in the middle": {{name: "a/../../escaped", body: "x"}},
		"absolute link":        {{name: "l", typ: tar.TypeSymlink, link: "/etc", body: ""}},
		"parent link":          {{name: "l", typ: tar.TypeSymlink, link: "../..", body: ""}},
		"write through chained links": {
			{name: "a/", typ: tar.TypeDir}, {name: "a/up", typ: tar.TypeSymlink, link: ".."},
			{name: "out", typ: tar.TypeSymlink, link: "a/up/.."}, {name: "out/escaped", body: "x"},
		},
		"hard link out":  {{name: "h", typ: tar.TypeLink, link: "../../../etc/passwd"}},
		"device":         {{name: "dev", typ: tar.TypeChar}},
		"pipe":           {{name: "pipe", typ: tar.TypeFifo}},
		"too large":      {{name: "big", body: bomb}},
		"too many files": many,
	}
	for name, members := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			archive := gz(makeTar(t, members...))
			err := b.fetch(Options{MaxBytes: 1 << 19, MaxEntries: 20}, uri(write(t, "x.tgz", archive)))
			if err == nil {
				t.Error("got no error")
			}
			for _, p := range []string{filepath.Join(filepath.Dir(b.dir), "escaped"), "/tmp/caprock-escaped"} {
				if _, err := os.Lstat(p); err == nil {
					t.Errorf("%s was written", p)
				}
			}
		})
	}
}

// A link that lies in the sandbox already is replaced, not written through.
func TestExistingLinkIsNotFollowed(t *testing.T) {
	b := newBox(t)
	victim := write(t, "victim", []byte("precious"))
	if err := os.Symlink(victim, filepath.Join(b.dir, "f")); err != nil {
		t.Fatal(err)
	}
	u := uri(write(t, "src", []byte("new")))
	u.OutputFile = new("f")
	if err := b.fetch(Options{}, u); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "precious" {
		t.Errorf("victim: %q", data)
	}
}

func TestHTTP(t *testing.T) {
	stall := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/dir/file", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "over http") })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/dir/file", http.StatusFound) })
	mux.HandleFunc("/to-file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/stall", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		<-stall
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(stall)
	b := newBox(t)
	if err := b.fetch(Options{}, uri(server.URL+"/dir/file?x=y"), uri(server.URL+"/moved")); err != nil {
		t.Fatal(err)
	}
	if b.read(t, "file") != "over http" || b.read(t, "moved") != "over http" {
		t.Error("wrong content")
	}
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	own, _ := strconv.Atoi(port)
	for _, c := range []struct {
		path, want string
		opts       Options
	}{
		{"/missing", "404", Options{}},
		{"/to-file", "scheme", Options{}},
		{"/metadata", "link-local", Options{}},
		{"/loop", "redirects", Options{}},
		{"/stall", "stalled", Options{StallTimeout: 2 * time.Second}}, // the head of the answer must come in that time
		{"/dir/file", "the agent itself", Options{DenyPorts: []int{own}}},
		{"/dir/file", "longer than", Options{MaxBytes: 4}},
	} {
		err := newBox(t).fetch(c.opts, uri(server.URL+c.path))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error about %q", c.path, err, c.want)
		}
	}
}

func TestRefusedURIs(t *testing.T) {
	for value, output := range map[string]string{
		"ftp://host/file": "", "relative/file": "", "http://host/": "", "file://elsewhere/etc/passwd": "",
		"/etc/hostname": "../up", "/etc": "", "/dev/zero": "", "gopher://x/y": "",
	} {
		u := uri(value)
		if output != "" {
			u.OutputFile = &output
		}
		if err := newBox(t).fetch(Options{}, u); err == nil {
			t.Errorf("%s (output_file %q): got no error", value, output)
		}
	}
}

func TestAddresses(t *testing.T) {
	o := Options{DenyPorts: []int{5051}}
	for addr, refused := range map[string]bool{
		"169.254.169.254:80": true, "[fe80::1]:80": true, "[fd00:ec2::254]:80": true, "127.0.0.1:5051": true,
		"127.0.0.1:80": false, "10.1.2.3:5051": false, "192.168.1.1:80": false, "8.8.8.8:443": false, "224.0.0.1:80": true,
	} {
		ap := netip.MustParseAddrPort(addr)
		if err := o.checkAddress(ap.Addr(), int(ap.Port())); (err != nil) != refused {
			t.Errorf("%s: got %v, want refused=%v", addr, err, refused)
		}
	}
}

// An agent that runs as root reads local files with the rights of the task's user.
func TestLocalFilesWithTheUsersRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs root")
	}
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	secret, public := filepath.Join(dir, "secret"), filepath.Join(dir, "public")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public, []byte("p"), 0o644); err != nil {
		t.Fatal(err)
	}
	nobody := sandbox.Owner{Other: true, UID: 65534, GID: 65534}
	b := newBox(t)
	f := New(Options{})
	if err := f.Fetch(t.Context(), b.root, []*mesos.CommandInfo_URI{uri(public)}, nobody); err != nil {
		t.Errorf("public file: %v", err)
	}
	if err := f.Fetch(t.Context(), b.root, []*mesos.CommandInfo_URI{uri(secret)}, nobody); err == nil {
		t.Error("a file that only root may read was fetched for nobody")
	}
}
