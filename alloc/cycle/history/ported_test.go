package history_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Everything that docs/allocator-tests.md names exists.
func TestNamedTestsExist(t *testing.T) {
	const top = "../../../"
	page, err := os.ReadFile(top + "docs/allocator-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	sorter, err := os.ReadFile(top + "alloc/drf/testdata/sorter.txt")
	if err != nil {
		t.Fatal(err)
	}
	inHistory := regexp.MustCompile("`(recorded|ported|rules)/([^`]+)`")
	inSorter := regexp.MustCompile("`sorter/([^`]+)`")
	inPackage := regexp.MustCompile("`([a-z/]+)` (Test[A-Za-z]+)")
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| test of Mesos") {
			continue
		}
		rows++
		found := 0
		for _, m := range inHistory.FindAllStringSubmatch(line, -1) {
			found++
			dir := "testdata/" + m[1]
			if m[1] == "recorded" {
				dir = "../testdata/histories/rules"
			}
			if _, err := os.Stat(filepath.Join(dir, m[2]+".txt")); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		for _, m := range inSorter.FindAllStringSubmatch(line, -1) {
			found++
			if !strings.Contains(string(sorter), "== "+m[1]+"\n") {
				t.Errorf("%s: there is no scenario %s", line, m[1])
			}
		}
		for _, m := range inPackage.FindAllStringSubmatch(line, -1) {
			found++
			if !declares(t, top+m[1], m[2]) {
				t.Errorf("%s: package %s has no %s", line, m[1], m[2])
			}
		}
		if found == 0 {
			t.Errorf("%s: no test is named", line)
		}
	}
	if rows != 90+14+34+17 {
		t.Errorf("%d tests of Mesos are listed, want 155", rows)
	}
}

// declares says whether a test file of a package has a function.
func declares(t *testing.T, dir, function string) bool {
	t.Helper()
	files, err := filepath.Glob(dir + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}
