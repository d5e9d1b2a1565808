package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// source is one parsed Go file of the repository.
type source struct {
	dir, name string // dir is slash-separated below the root
	file      *ast.File
	lines     int
}

// load parses every Go file below root that belongs to the main module.
func load(t *testing.T, fset *token.FileSet, root string) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, other := os.Stat(filepath.Join(p, "go.mod"))
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || d.Name() == "node_modules" || rel != "." && other == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(filepath.Dir(rel)), d.Name(), file, strings.Count(string(text), "\n")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files below %s; the rules would pass on nothing", len(all), root)
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func generated(f *ast.File) bool { return ast.IsGenerated(f) }

func TestImportsFollowTheArrows(t *testing.T) {
	for _, s := range load(t, token.NewFileSet(), root(t)) {
		for _, spec := range s.file.Imports {
			if fault := importFault(s.dir, strings.Trim(spec.Path.Value, `"`)); fault != "" {
				t.Errorf("%s: %s", s.name, fault)
			}
		}
	}
}

func TestEveryPackageIntroducesItself(t *testing.T) {
	packages := map[string]bool{}
	for _, s := range load(t, token.NewFileSet(), root(t)) {
		if _, seen := packages[s.dir]; !seen {
			packages[s.dir] = false
		}
		if s.name == "doc.go" && s.file.Doc != nil {
			packages[s.dir] = true
		}
	}
	for dir, ok := range packages {
		if !ok {
			t.Errorf("%s has no doc.go with a package comment", dir)
		}
	}
}

func TestPurePackagesStayPure(t *testing.T) {
	fset := token.NewFileSet()
	for _, s := range load(t, fset, root(t)) {
		if !isPure(s.dir) || strings.HasSuffix(s.name, "_test.go") || generated(s.file) {
			continue
		}
		for _, fault := range purityFaults(fset, s.file) {
			t.Error(fault)
		}
	}
}

// A file is one concept. Past this many lines it is usually two.
const longestFile = 600

func TestFilesStayReadable(t *testing.T) {
	for _, s := range load(t, token.NewFileSet(), root(t)) {
		if generated(s.file) || strings.HasSuffix(s.name, "_test.go") {
			continue
		}
		if s.lines > longestFile {
			t.Errorf("%s/%s has %d lines, want at most %d: split it by concept", s.dir, s.name, s.lines, longestFile)
		}
		switch s.name {
		case "types.go", "utils.go", "util.go", "helpers.go", "common.go", "misc.go":
			t.Errorf("%s/%s: a file is named for its concept, not for its layer", s.dir, s.name)
		}
	}
}

func TestTopLevelIsTheAgreedOne(t *testing.T) {
	out, err := exec.Command("git", "-C", root(t), "ls-files").Output()
	if err != nil {
		t.Skipf("skipped: git cannot list the repository's files: %v", err)
	}
	for _, file := range strings.Fields(string(out)) {
		name, _, _ := strings.Cut(file, "/")
		if !strings.HasPrefix(name, ".") && !contains(topLevel, name) {
			t.Errorf("top level has %s, want one of %v", name, topLevel)
		}
	}
}

// The rules themselves must be able to fail.
func TestRulesCatchBadCode(t *testing.T) {
	bad := `package p
import ("os"; "time"; "math/rand/v2")
func f() { go f(); _ = time.Now(); _ = rand.Int(); _ = os.Args; _ = rand.New(nil) }`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "bad.go", bad, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := purityFaults(fset, file); len(got) != 4 {
		t.Errorf("got %d faults, want 4 (import, goroutine, clock, randomness): %v", len(got), got)
	}
	for _, c := range []struct {
		dir, target string
		ok          bool
	}{
		{"alloc/core", "agent/core", false}, {"agent", "alloc/api", false}, {"wire/codec", "store/kv", false},
		{"agent", "store/kv", false}, {"agent", "store/checkpoint", true}, {"alloc/loop", "store/journal", true},
		{"alloc", "tools/flags", false}, {"tools/caprock", "agent", true}, {"isolation", "wire/clock", true},
	} {
		if got := importFault(c.dir, Module+"/"+c.target); (got == "") != c.ok {
			t.Errorf("%s → %s: got %q, want allowed=%v", c.dir, c.target, got, c.ok)
		}
	}
	if got := fmt.Sprint(isPure("alloc/core"), isPure("alloc/corelib"), isPure("alloc/loop")); got != "true false false" {
		t.Errorf("isPure: got %s", got)
	}
}
