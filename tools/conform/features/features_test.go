package features

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// count is the number of features that the list of Mesos' features has.
const count = 468

// scenarioFolders are the files that a test plays, by its package.
var scenarioFolders = map[string]string{
	"alloc/core":          "alloc/core/testdata",
	"agent/core":          "agent/core/testdata",
	"alloc/cycle/history": "alloc/cycle/testdata/histories/rules",
}

func items(t *testing.T) []Item {
	t.Helper()
	all, err := Items()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPageIsWhatTheListSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("../../..", Page))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != Render(items(t)) {
		t.Errorf("%s is not what the list says; go run ./tools/conform features", Page)
	}
}

func TestConformancePageIsWhatTheListsSay(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("../../..", ConformancePage))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != RenderConformance(lists(t)) {
		t.Errorf("%s is not what the lists say; go run ./tools/conform features", ConformancePage)
	}
}

func lists(t *testing.T) Lists {
	t.Helper()
	l, err := ReadLists()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every reason that a status may have is in the list, in its order.
func TestNoReasonIsLeftOut(t *testing.T) {
	var want []string
	for _, name := range mesos.TaskStatus_Reason_name {
		want = append(want, strings.TrimPrefix(name, "REASON_"))
	}
	slices.Sort(want)
	var got []string
	for _, r := range lists(t).Reasons {
		got = append(got, r.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got reasons %v, want %v", got, want)
	}
}

// The lists are as long as Mesos has rules and tests of the areas that they are about,
// so none of them is left out; that each is shown or has a reason, reading them checks.
func TestNoRuleIsLeftOut(t *testing.T) {
	l := lists(t)
	rules, tests := l.Rules, l.Tests
	if len(rules) != 238 {
		t.Errorf("got %d rules, want 238", len(rules))
	}
	perFile := map[string]int{}
	for _, m := range tests {
		perFile[m.File]++
	}
	for file, want := range map[string]int{
		"master_tests": 109, "master_validation_tests": 117, "partition_tests": 20, "reconciliation_tests": 14,
		"reservation_tests": 20, "reservation_endpoints_tests": 21, "persistent_volume_tests": 24,
		"persistent_volume_endpoints_tests": 21, "scheduler_http_api_tests": 19, "scheduler_tests": 23,
		"master/update_framework_tests": 19, "master_slave_reconciliation_tests": 11, "operation_reconciliation_tests": 13,
		"master_draining_tests": 10, "master_maintenance_tests": 12, "fault_tolerance_tests": 24,
	} {
		if perFile[file] != want {
			t.Errorf("got %d tests of %s, want %d", perFile[file], file, want)
		}
	}
}

func TestListIsWhole(t *testing.T) {
	all := items(t)
	if len(all) != count {
		t.Errorf("got %d items, want %d", len(all), count)
	}
	seen := map[string]bool{}
	for _, i := range all {
		name := i.Area + ": " + i.Feature
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
}

func TestNamedTestsExist(t *testing.T) {
	r := newRepository(t, "../../..")
	l := lists(t)
	for _, reason := range l.Reasons {
		for _, ref := range reason.Tests {
			if err := r.find(ref); err != nil {
				t.Errorf("reason %s: %v", reason.Name, err)
			}
		}
	}
	for _, rule := range l.Rules {
		for _, ref := range rule.Tests {
			if err := r.find(ref); err != nil {
				t.Errorf("rule %d: %v", rule.ID, err)
			}
		}
	}
	for _, m := range l.Tests {
		for _, ref := range m.Tests {
			if err := r.find(ref); err != nil {
				t.Errorf("%s %s: %v", m.File, m.Name, err)
			}
		}
	}
	for _, i := range items(t) {
		for _, ref := range i.Tests {
			if err := r.find(ref); err != nil {
				t.Errorf("%d %s: %v", i.ID, i.Feature, err)
			}
		}
	}
}

// The checks above would pass on anything if these were found.
func TestMissingTestsAreNoticed(t *testing.T) {
	r := newRepository(t, "../../..")
	for _, ref := range []Test{
		{Package: "alloc/core", Function: "TestNothing"},
		{Package: "alloc/nothing", Function: "TestScenarios"},
		{Package: "alloc/core", Function: "newWorld"},
		{Package: "alloc/core", Function: "TestScenarios", Scenario: "nothing"},
		{Package: "alloc/core", Function: "TestTaskRules", Scenario: "no such case"},
		{Package: "wire/resource", Function: "TestParseText", Scenario: "agents"},
		{Client: "nothing"},
	} {
		if r.find(ref) == nil {
			t.Errorf("%v was found", ref)
		}
	}
	for line, want := range map[string]string{
		"1\ta\tf\tdone\t\t":                      "no test shows it",
		"1\ta\tf\tpartial\ta TestB\t":            "what lacks",
		"1\ta\tf\tnot yet\ta TestB\t":            "has tests",
		"1\ta\tf\tnearly\t\t":                    "status",
		"2\ta\tf\tnot yet\t\t":                   "id",
		"1\ta\t\tnot yet\t\t":                    "feature",
		"1\ta\tf\tnot yet\t":                     "fields",
		"1\ta\tf\tdone\tTestB\t":                 "want \"package Function\"",
		"1\ta\tf\tdone\ta TestB scenario\t":      "want \"package Function\"",
		"1\ta\tf\tdone\ta TestB ()\t":            "want \"package Function\"",
		"1\ta\tf|g\tdone\ta TestB (scenario)\t":  "|",
		"1\ta\tf\tnot yet\t\tnote\n2\ta\tf\tx\t": "item 2",
	} {
		if _, err := parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", line, err, want)
		}
	}
}

// repository knows the tests and clients that exist.
type repository struct {
	root    string
	tests   map[string]map[string]bool // package → functions, read when asked for
	texts   map[string]map[string]bool // package → texts in its tests, names of cases among them
	clients map[string]bool
}

func newRepository(t *testing.T, root string) *repository {
	t.Helper()
	r := &repository{root: root, tests: map[string]map[string]bool{}, texts: map[string]map[string]bool{}, clients: map[string]bool{}}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "tools/conform/cases.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "cases" || len(spec.Values) != 1 {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			r.clients[name] = true
		}
		return false
	})
	if len(r.clients) == 0 {
		t.Fatal("found no client in tools/conform/cases.go")
	}
	return r
}

// find says why ref does not exist.
func (r *repository) find(ref Test) error {
	if ref.Client != "" {
		if !r.clients[ref.Client] {
			return fmt.Errorf("tools/conform has no client %q", ref.Client)
		}
		return nil
	}
	functions, err := r.functions(ref.Package)
	if err != nil {
		return err
	}
	if !functions[ref.Function] || !strings.HasPrefix(ref.Function, "Test") && !strings.HasPrefix(ref.Function, "Fuzz") {
		return fmt.Errorf("%s has no test %s", ref.Package, ref.Function)
	}
	if ref.Scenario == "" {
		return nil
	}
	folder := scenarioFolders[ref.Package]
	if folder != "" && (ref.Function == "TestScenarios" || ref.Function == "TestRecordedHistories") {
		_, err = os.Stat(filepath.Join(r.root, folder, ref.Scenario+".txt"))
		return err
	}
	if !r.texts[ref.Package][ref.Scenario] {
		return fmt.Errorf("the tests of %s have no case %q, which %s should have", ref.Package, ref.Scenario, ref.Function)
	}
	return nil
}

func (r *repository) functions(pkg string) (map[string]bool, error) {
	if known := r.tests[pkg]; known != nil {
		return known, nil
	}
	files, err := filepath.Glob(filepath.Join(r.root, filepath.FromSlash(pkg), "*_test.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("no tests in " + pkg)
	}
	found, texts := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					texts[text] = true
				}
			}
			return true
		})
	}
	r.tests[pkg], r.texts[pkg] = found, texts
	return found, nil
}
