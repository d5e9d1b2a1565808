package drf

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSorterScenarios plays testdata/sorter.txt: what Mesos' tests of its DRF sorter
// check, on trees and amounts of ours. A line is one of
//
//	== name                     a new tree in a cluster of cpus 100, mem 100
//	cluster 50 200              other totals of cpus and mem
//	add a/x | off a/x | on a/x  a claimant, active; takes part no more; again
//	weight a 2
//	+ a/x 5 3 | - a/x 5 3       what a claimant is given (one service) or gives back: cpus, mem
//	remove a/x
//	order b a/x                 what the order must be; none: nobody
func TestSorterScenarios(t *testing.T) {
	text, err := os.ReadFile("testdata/sorter.txt")
	if err != nil {
		t.Fatal(err)
	}
	var tree *Tree
	name, orders := "", 0
	for n, line := range strings.Split(string(text), "\n") {
		w := strings.Fields(line)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if w[0] == "==" {
			name, tree = w[1], newTree()
			continue
		}
		if w[0] == "order" {
			orders++
			if got := order(tree); !slices.Equal(got, w[1:]) {
				t.Errorf("line %d, %s: order is %v, want %v", n+1, name, got, w[1:])
			}
			continue
		}
		sorterCommand(t, tree, w)
	}
	if orders < 50 {
		t.Errorf("%d orders were looked at, want at least 50", orders)
	}
}

func sorterCommand(t *testing.T, tree *Tree, w []string) {
	t.Helper()
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(w[i], 64)
		if err != nil {
			t.Fatalf("%q: %v", w, err)
		}
		return x
	}
	amount := func(i int) []int64 { return []int64{int64(number(i) * 1000), int64(number(i+1) * 1000), 0, 0} }
	switch w[0] {
	case "cluster":
		tree.SetCluster(amount(1), nil)
	case "add":
		tree.SetActive(tree.Add(w[1], int32(tree.Len())), true)
	case "on", "off":
		tree.SetActive(tree.Find(w[1]), w[0] == "on")
	case "weight":
		tree.SetWeight(w[1], number(2))
	case "+":
		tree.Charge(tree.Find(w[1]), amount(2))
	case "-":
		tree.Discharge(tree.Find(w[1]), amount(2))
	case "remove":
		tree.Discharge(tree.Find(w[1]), slices.Clone(tree.Totals(tree.Find(w[1]))))
		tree.Remove(w[1])
	default:
		t.Fatalf("unknown line %q", w)
	}
}
