package isolation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// skipsFile lists why a test of isolation may be skipped, and where it runs then: a
// line is a place, a tab and the reason as the test words it.
const skipsFile = "testdata/skips.txt"

// places where what is skipped elsewhere does run.
var places = []string{
	"root",      // any host, as root, without -short
	"host",      // a host with v1 or hybrid cgroups and BPF
	"machine",   // the virtual machine of tools/vmtest, with cgroups v2 alone
	"installed", // where the named package of the distribution is installed
	"elsewhere", // a kernel or host unlike both
}

// Every reason to skip a test is on the list with a place where the test runs, and
// the list holds nothing else: no test can fall silent unnoticed.
func TestSkipsAreKnown(t *testing.T) {
	b, err := os.ReadFile(skipsFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		place, quoted, ok := strings.Cut(strings.TrimSpace(line), "\t")
		reason, err := strconv.Unquote(quoted)
		if !ok || err != nil || !slices.Contains(places, place) {
			t.Errorf("%s: got %q, want one of %v, a tab and a quoted reason", skipsFile, line, places)
		}
		known[reason] = false
	}
	for _, dir := range []string{".", "../agent"} {
		for _, reason := range skipReasons(t, dir) {
			if _, ok := known[reason]; !ok {
				t.Errorf("%s: a test is skipped for %q, which is not in %s", dir, reason, skipsFile)
			}
			known[reason] = true
		}
	}
	for reason, used := range known {
		if !used {
			t.Errorf("%s: no test is skipped for %q any more", skipsFile, reason)
		}
	}
}

// skipReasons are the first arguments of all calls of Skip and Skipf below dir.
func skipReasons(t *testing.T, dir string) []string {
	t.Helper()
	var reasons []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || name.Sel.Name != "Skip" && name.Sel.Name != "Skipf" {
				return true
			}
			text, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: a test is skipped for a reason that is no literal", path)
				return true
			}
			reason, err := strconv.Unquote(text.Value)
			if err != nil || !strings.HasPrefix(reason, "SKIP-ENV: ") {
				t.Errorf("%s: a test is skipped for %s, want a reason that begins with SKIP-ENV", path, text.Value)
			}
			reasons = append(reasons, reason)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return reasons
}
