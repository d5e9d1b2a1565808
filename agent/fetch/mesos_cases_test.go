package fetch

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// with is a URI with its options.
func with(value string, set ...func(*mesos.CommandInfo_URI)) *mesos.CommandInfo_URI {
	u := uri(value)
	for _, s := range set {
		s(u)
	}
	return u
}

func as(name string) func(*mesos.CommandInfo_URI) {
	return func(u *mesos.CommandInfo_URI) { u.OutputFile = &name }
}
func runnable(u *mesos.CommandInfo_URI) { u.Executable = new(true) }
func packed(u *mesos.CommandInfo_URI)   { u.Extract = new(false) }
func kept(u *mesos.CommandInfo_URI)     { u.Cache = new(true) }

// What a fetcher of Mesos makes of each way to ask for a file.
func TestFetchesAsMesosDoes(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.HasPrefix(r.URL.Path, "/missing") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("from the web"))
	}))
	defer server.Close()
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, data, 0o644))
		return path
	}
	file := put("file", []byte("x"))
	tarball := put("f.tar", pack(head{name: "f", body: "x"}))
	zipped := put("f.zip", zipOf(part{name: "f", body: "x"}))
	packedFile := put("words.gz", gz([]byte("x")))
	for _, c := range []struct {
		name string
		uris []*mesos.CommandInfo_URI
		want string // names and modes in the sandbox
		err  string
	}{
		{"a file URI", []*mesos.CommandInfo_URI{uri("file://" + file)}, "file -rw-r--r--", ""},
		{"a file URI of localhost", []*mesos.CommandInfo_URI{uri("file://localhost" + file)}, "file -rw-r--r--", ""},
		{"a path", []*mesos.CommandInfo_URI{uri(file)}, "file -rw-r--r--", ""},
		{"one file three times", []*mesos.CommandInfo_URI{with(file, as("one")), with(file, as("two"), kept), with(file, as("three"), kept)}, "one -rw-r--r-- three -rw-r--r-- two -rw-r--r--", ""},
		{"a file that is not there", []*mesos.CommandInfo_URI{uri(dir + "/nothing")}, "", "no such file"},
		{"a URI that is none", []*mesos.CommandInfo_URI{uri("lala://nowhere")}, "", "lala"},
		{"the web", []*mesos.CommandInfo_URI{uri(server.URL + "/test")}, "test -rw-r--r--", ""},
		{"blanks before a URI", []*mesos.CommandInfo_URI{uri("\r\n\t " + server.URL + "/test")}, "test -rw-r--r--", ""},
		{"a name of one's own", []*mesos.CommandInfo_URI{with(file, as("custom"))}, "custom -rw-r--r--", ""},
		{"a name in a directory", []*mesos.CommandInfo_URI{with(file, as("sub/custom"))}, "sub drwxr-xr-x sub/custom -rw-r--r--", ""},
		{"names in directories of directories", []*mesos.CommandInfo_URI{with(file, as("sub/a/one")), with(file, as("sub/a/two"))},
			"sub drwxr-xr-x sub/a drwxr-xr-x sub/a/one -rw-r--r-- sub/a/two -rw-r--r--", ""},
		{"an absolute name", []*mesos.CommandInfo_URI{with(file, as("/sub/custom"))}, "", "want a relative path"},
		{"neither unpacked nor run", []*mesos.CommandInfo_URI{with(tarball, packed)}, "f.tar -rw-r--r--", ""},
		{"run and not unpacked", []*mesos.CommandInfo_URI{with(tarball, packed, runnable)}, "f.tar -rwxr-xr-x", ""},
		{"run wins over unpacking", []*mesos.CommandInfo_URI{with(tarball, runnable)}, "f.tar -rwxr-xr-x", ""},
		{"unpacked and not run", []*mesos.CommandInfo_URI{with(put("g.tar.gz", gz(pack(head{name: "f", body: "x"}))))}, "f -rw-r--r-- g.tar.gz -rw-r--r--", ""},
		{"a tar file", []*mesos.CommandInfo_URI{uri(tarball)}, "f -rw-r--r-- f.tar -rw-r--r--", ""},
		{"a gzip file", []*mesos.CommandInfo_URI{uri(packedFile)}, "words -rw-r--r-- words.gz -rw-r--r--", ""},
		{"a gzip file under another name", []*mesos.CommandInfo_URI{with(packedFile, as("custom.gz"))}, "custom -rw-r--r-- custom.gz -rw-r--r--", ""},
		{"a zip file", []*mesos.CommandInfo_URI{uri(zipped)}, "f -rw-r--r-- f.zip -rw-r--r--", ""},
		{"a zip file with an entry twice", []*mesos.CommandInfo_URI{uri(put("twice.zip", zipOf(part{name: "f", body: "y"}, part{name: "f", body: "x"})))}, "f -rw-r--r-- twice.zip -rw-r--r--", ""},
		{"a zip file that is none", []*mesos.CommandInfo_URI{uri(put("bad.zip", []byte("no zip file")))}, "bad.zip -rw-r--r--", "not a valid zip file"},
		{"an archive from the cache", []*mesos.CommandInfo_URI{with(tarball, kept)}, "f -rw-r--r--", ""},
		{"a file from the cache, run", []*mesos.CommandInfo_URI{with(file, kept, runnable)}, "file -rwxr-xr-x", ""},
		{"a file from the cache under another name", []*mesos.CommandInfo_URI{with(file, kept, as("sub/custom"))}, "sub drwxr-xr-x sub/custom -rw-r--r--", ""},
		{"from the cache, and not", []*mesos.CommandInfo_URI{with(server.URL+"/a", kept), with(server.URL+"/b", as("plain")), with(tarball, kept)},
			"a -rw-r--r-- f -rw-r--r-- plain -rw-r--r--", ""},
		{"a cached file that is not there", []*mesos.CommandInfo_URI{with(server.URL+"/missing", kept)}, "", "404"},
		{"more than the cache holds", []*mesos.CommandInfo_URI{with(put("large", make([]byte, 300)), kept)}, "large -rw-r--r--", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t)
			f := New(Options{CacheDir: t.TempDir(), CacheBytes: 8 << 10})
			if c.name == "more than the cache holds" {
				f = New(Options{CacheDir: t.TempDir(), CacheBytes: 100})
			}
			err := f.Fetch(t.Context(), b.root, c.uris, sandbox.Owner{})
			told(t, err, c.err)
			succeeded, failed := int64(1), int64(0)
			if err != nil {
				succeeded, failed = 0, 1
			}
			if m := f.Metrics(); m.Succeeded != succeeded || m.Failed != failed {
				t.Errorf("metrics tell of %d fetches and %d failures, want %d and %d", m.Succeeded, m.Failed, succeeded, failed)
			}
			if got := listing(t, b.dir); got != c.want {
				t.Errorf("in the sandbox is %q, want %q", got, c.want)
			}
		})
	}
	if asked.Load() == 0 {
		t.Error("nobody asked the server")
	}
}

// listing is what is below dir, with modes.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all = append(all, path[len(dir)+1:]+" "+info.Mode().String())
		return nil
	}))
	return strings.Join(all, " ")
}
