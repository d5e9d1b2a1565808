package fetch

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/wire/mesos"
)

// A situation is one hostile archive, and what must come of it.
type situation struct {
	name string // of the case
	file string // the archive's name; its suffix chooses the extractor
	// data makes the archive; outer is the absolute path of the directory around the sandbox.
	data func(outer string) []byte
	// before puts things into the sandbox that lie in the archive's way.
	before func(t *testing.T, s *scene)
	// want is part of the error; "" if the archive is unpacked, harmless; either if both
	// are fine as long as nothing is harmed.
	want string
	// then looks at the sandbox after the archive was accepted.
	then   func(t *testing.T, s *scene)
	memory uint64 // bytes that may be allocated in all; default 48 MiB
}

const either = "either"

// What the archives of the corpus may become.
var corpusOptions = Options{MaxBytes: 1 << 20, MaxEntries: 64}

// scene is a sandbox with things around it that must stay as they are.
type scene struct {
	box
	outer  string
	around map[string]string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	outer := t.TempDir()
	s := &scene{box: box{dir: filepath.Join(outer, "box")}, outer: outer}
	for name, content := range map[string]string{
		"canary": "sings", "dir/canary": "sings too", "boxx/canary": "beside", "box/resident": "was here before",
	} {
		path := filepath.Join(outer, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	must(t, os.Symlink("canary", filepath.Join(outer, "link")))
	root, err := os.OpenRoot(s.dir)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	s.root = root
	s.around = s.look(t)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look describes all that is around the sandbox: kinds, modes, owners, numbers of links,
// times and contents.
func (s *scene) look(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	must(t, filepath.WalkDir(s.outer, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		what := fmt.Sprint(info.Mode(), st.Uid, st.Gid)
		if path != s.dir { // which gets entries and with them times
			what += fmt.Sprint(" ", st.Nlink, " ", info.ModTime().UnixNano())
		}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += " " + string(content)
		}
		seen[path] = what
		if path == s.dir {
			return fs.SkipDir
		}
		return nil
	}))
	return seen
}

// damage tells how the surroundings changed.
func (s *scene) damage(t *testing.T) (found []string) {
	now := s.look(t)
	for path, what := range now {
		if before, ok := s.around[path]; !ok || before != what {
			found = append(found, fmt.Sprintf("%s was %q, is %q", path, before, what))
		}
	}
	for path := range s.around {
		if _, ok := now[path]; !ok {
			found = append(found, path+" is gone")
		}
	}
	return found
}

// contents counts what is in the sandbox.
func (s *scene) contents(t *testing.T) (entries int, bytes int64) {
	must(t, filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		entries++
		if info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	}))
	return entries, bytes
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(list)
}

// extract fetches an archive into the scene and holds what any archive must leave alone.
func (s *scene) extract(t *testing.T, c *situation) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), c.file)
	data := c.data(s.outer)
	must(t, os.WriteFile(path, data, 0o600))
	f := New(corpusOptions)
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f.Fetch(context.Background(), s.root, []*mesos.CommandInfo_URI{uri(path)}, sandbox.Owner{})
	runtime.ReadMemStats(&after)

	for _, d := range s.damage(t) {
		t.Errorf("outside the sandbox: %s", d)
	}
	if got, most := after.TotalAlloc-before.TotalAlloc, max(c.memory, 48<<20); got > most {
		t.Errorf("took %d MiB of memory, want at most %d", got>>20, most>>20)
	}
	entries, bytes := s.contents(t)
	if most := corpusOptions.MaxEntries + maxDepth + 8; entries > most {
		t.Errorf("left %d entries, want at most %d", entries, most)
	}
	if most := corpusOptions.MaxBytes + int64(len(data)) + 1024; bytes > most {
		t.Errorf("left %d bytes, want at most %d", bytes, most)
	}
	if n := descriptors(t); n > fds {
		t.Errorf("left %d descriptors open", n-fds)
	}
	waitFor(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	return err
}

func (c *situation) play(t *testing.T) {
	s := newScene(t)
	if c.before != nil {
		c.before(t, s)
		s.around = s.look(t)
	}
	err := s.extract(t, c)
	if err != nil && strings.Contains(err.Error(), "file is longer than 1048576 bytes") && len(c.data(s.outer)) > 1<<20 {
		return // refused before it was unpacked
	}
	switch {
	case err == nil && c.want != "" && c.want != either:
		t.Errorf("got no error, want one about %q", c.want)
	case err != nil && c.want == "":
		t.Errorf("got %v, want it unpacked", err)
	case err != nil && c.want != either && !strings.Contains(err.Error(), c.want):
		t.Errorf("got %v, want an error about %q", err, c.want)
	case err != nil:
		tellable(t, err)
	case c.then != nil:
		c.then(t, s)
	}
}

// tellable checks that an error can be shown to people: it names the file, is short, and
// holds nothing that a terminal obeys.
func tellable(t *testing.T, err error) {
	text := err.Error()
	if !strings.HasPrefix(text, "fetch \"") || len(text) > 2000 {
		t.Errorf("an error of %d bytes: %.300s", len(text), text)
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("error holds the control character %q: %.300q", text[i], text)
	}
}

// Whatever an archive says, nothing outside the sandbox changes, memory and disk stay
// bounded, nothing is left running or open, and the error tells what was found.
func TestHostileCorpus(t *testing.T) {
	all := slices.Concat(tarSituations(), zipSituations(), streamSituations(), mistakenSituations())
	names := map[string]bool{}
	for i := range all {
		c := &all[i]
		if names[c.name] {
			t.Errorf("two situations are named %s", c.name)
		}
		names[c.name] = true
		t.Run(c.name, c.play)
	}
	if len(all) < 200 {
		t.Errorf("the corpus has %d situations, want at least 200", len(all))
	}
	t.Logf("%d situations", len(all))
}

// The corpus is worth something only if a broken extractor fails it: these are plays of
// extractors that trust what they read.
func TestTheCorpusCatchesBrokenExtractors(t *testing.T) {
	for name, harm := range map[string]func(s *scene) error{
		"a file outside":        func(s *scene) error { return os.WriteFile(filepath.Join(s.outer, "escaped"), nil, 0o600) },
		"a file written over":   func(s *scene) error { return os.WriteFile(filepath.Join(s.outer, "canary"), []byte("x"), 0o600) },
		"a mode changed":        func(s *scene) error { return os.Chmod(filepath.Join(s.outer, "canary"), 0o666) },
		"a file removed":        func(s *scene) error { return os.Remove(filepath.Join(s.outer, "boxx/canary")) },
		"a link from inside":    func(s *scene) error { return os.Link(filepath.Join(s.outer, "canary"), filepath.Join(s.dir, "h")) },
		"a directory beside it": func(s *scene) error { return os.Mkdir(filepath.Join(s.outer, "boxx/d"), 0o755) },
		"a link changed": func(s *scene) error {
			link := filepath.Join(s.outer, "link")
			return cmpErr(os.Remove(link), os.Symlink("dir", link))
		},
		"the sandbox's own mode": func(s *scene) error { return os.Chmod(s.dir, 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			if d := s.damage(t); d != nil {
				t.Fatalf("before: %v", d)
			}
			must(t, harm(s))
			if s.damage(t) == nil {
				t.Error("the damage was not seen")
			}
		})
	}
	// And a naive extractor, which joins names and writes, meets it for real.
	caught := 0
	for _, c := range tarSituations() {
		if strings.HasSuffix(c.file, ".tar") && c.before == nil {
			s := newScene(t)
			naiveTar(c.data(s.outer), s.dir)
			if s.damage(t) != nil {
				caught++
			}
		}
	}
	if caught < 10 {
		t.Errorf("%d archives of the corpus harm a naive extractor, want at least 10", caught)
	}
	t.Logf("%d archives harm a naive extractor", caught)
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// mistakenSituations are files that are not what their names say.
func mistakenSituations() (all []situation) {
	contents := map[string][]byte{
		"nothing": nil, "one zero": {0}, "text": []byte(strings.Repeat("this is no archive\n", 100)),
		"ones": []byte(strings.Repeat("\xff", 4096)), "a program": []byte("\x7fELF" + strings.Repeat("\x02", 2000)),
	}
	for _, suffix := range suffixes {
		for _, name := range slices.Sorted(maps.Keys(contents)) {
			data := contents[name]
			want := "unpack"
			if suffix == ".tar" && name == "nothing" {
				want = "" // an empty archive, as for other programs
			}
			if name == "nothing" && strings.Contains(suffix, "zst") {
				want = either // no frame is a file of nothing
			}
			all = append(all, situation{
				name: "mistaken: " + name + " as " + suffix, file: "x" + suffix, want: want,
				data: func(string) []byte { return data },
			})
		}
		for _, other := range suffixes {
			if suffix == other {
				continue
			}
			all = append(all, situation{
				name: "mistaken: " + other + " as " + suffix, file: "x" + suffix, want: either,
				data: func(string) []byte { return archiveOf(other) },
			})
		}
	}
	return all
}
