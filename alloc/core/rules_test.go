package core

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// rows are numbers of rules in ruleList that a case shows.
type rows []int

// ruleList names for each of Mesos' rules for input the tests that show it.
const ruleList = "../../tools/conform/features/rules.tsv"

// ruleTables are the tests whose cases carry rows.
func ruleTables() map[string]map[int]bool {
	tables := map[string]map[int]bool{}
	add := func(test string, all rows) {
		if tables[test] == nil {
			tables[test] = map[int]bool{}
		}
		for _, row := range all {
			tables[test][row] = true
		}
	}
	for _, c := range taskCases {
		add("TestTaskRules", c.rows)
	}
	for _, c := range groupCases {
		add("TestGroupRules", c.rows)
	}
	for _, c := range operationCases {
		add("TestOperationRules", c.rows)
	}
	for _, c := range offerListCases {
		add("TestOfferLists", c.rows)
	}
	for _, c := range schedulerShapeCases {
		add("TestSchedulerCallShapes", c.rows)
	}
	for _, c := range frameworkCases {
		add("TestFrameworkRules", c.rows)
	}
	for _, c := range operatorCases {
		add("TestOperatorRules", c.rows)
	}
	for _, c := range registrationCases {
		add("TestRegistrationRules", c.rows)
	}
	for _, c := range refusalStories {
		add("TestRefusalsThatDependOnHistory", c.rows)
	}
	return tables
}

// The list and the tables agree: a rule that names one of these tests has a case there,
// and the other way round.
func TestRulesHaveCases(t *testing.T) {
	text, err := os.ReadFile(ruleList)
	if err != nil {
		t.Fatal(err)
	}
	tables, named := ruleTables(), 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		row, err := strconv.Atoi(f[0])
		if err != nil || len(f) != 6 {
			t.Fatalf("bad line %q", line)
		}
		for test, has := range tables {
			names := false
			for ref := range strings.SplitSeq(f[4], "; ") {
				names = names || ref == "alloc/core "+test
			}
			if names != has[row] {
				t.Errorf("rule %d (%s): the list names %s: %v, the test has a case: %v", row, f[2], test, names, has[row])
			}
			if names {
				named++
			}
		}
	}
	if named < 150 {
		t.Errorf("got %d rules with cases here, want at least 150", named)
	}
}
