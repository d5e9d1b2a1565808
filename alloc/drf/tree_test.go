package drf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func order(t *Tree) []string {
	t.Refresh()
	var it Iter
	it.Reset(t)
	return drain(t, &it)
}

func drain(t *Tree, it *Iter) []string {
	var out []string
	for l := it.Next(); l != NoLeaf; l = it.Next() {
		for p, other := range t.byPath {
			if other == l {
				out = append(out, p)
			}
		}
	}
	return out
}

func newTree(paths ...string) *Tree {
	t := NewTree(true)
	t.SetCluster([]int64{100000, 100000, 0, 0}, nil)
	for i, p := range paths {
		t.SetActive(t.Add(p, int32(i)), true)
	}
	return t
}

func TestOrderIsByShareThenServicesThenPath(t *testing.T) {
	tree := newTree("b", "a", "c")
	check := func(what string, want ...string) {
		t.Helper()
		if got := order(tree); !slices.Equal(got, want) {
			t.Errorf("%s: order is %v, want %v", what, got, want)
		}
	}
	check("at first", "a", "b", "c")
	tree.Charge(tree.Find("a"), []int64{0, 0, 0, 0})
	check("equal shares, a was served", "b", "c", "a")
	tree.Charge(tree.Find("b"), []int64{1000, 0, 0, 0})
	check("b has a share", "c", "a", "b")
	tree.Discharge(tree.Find("b"), []int64{1000, 0, 0, 0})
	check("b gave it back, but was served", "c", "a", "b")
	tree.SetActive(tree.Find("c"), false)
	check("c does not take part", "a", "b")
}

func TestDominantShareAndWeight(t *testing.T) {
	tree := newTree("a", "b")
	tree.Charge(tree.Find("a"), []int64{1000, 30000, 0, 0})
	tree.Charge(tree.Find("b"), []int64{20000, 1000, 0, 0})
	if got := order(tree); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("order is %v, want b before a: a fifth of cpus against 30 hundredths of mem", got)
	}
	tree.SetWeight("a", 2)
	if got := order(tree); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("order is %v, want a first with weight 2", got)
	}
	tree.SetCluster([]int64{100000, 100000, 0, 0}, []bool{true})
	tree.SetWeight("a", 1)
	if got := order(tree); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("order is %v, want b first when cpus do not count", got)
	}
}

// A role with frameworks of its own and children competes with the children
// through a virtual leaf of weight 1.
func TestVirtualLeaf(t *testing.T) {
	tree := newTree("a", "a/x", "b")
	tree.Charge(tree.Find("a"), []int64{10000, 0, 0, 0})
	if got := order(tree); !slices.Equal(got, []string{"b", "a/x", "a"}) {
		t.Errorf("order is %v, want b, then a/x before what a itself holds", got)
	}
	tree.SetWeight("a", 1000)
	tree.Charge(tree.Find("b"), []int64{1000, 0, 0, 0})
	if got := order(tree); !slices.Equal(got, []string{"a/x", "a", "b"}) {
		t.Errorf("order is %v, want the subtree of a first with its weight", got)
	}
	tree.Remove("a/x")
	if got := order(tree); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("order is %v after a/x is gone", got)
	}
	if got := tree.Totals(tree.Find("a"))[0]; got != 10000 {
		t.Errorf("a holds %d after it became a leaf again, want 10000", got)
	}
}

// The weight of an inner node that is no claimant is what it was when the order
// was first looked at.
func TestWeightOfInnerNodeIsRemembered(t *testing.T) {
	tree := newTree("a/x", "b")
	tree.Charge(tree.Find("a/x"), []int64{3000, 0, 0, 0})
	tree.Charge(tree.Find("b"), []int64{2000, 0, 0, 0})
	order(tree)
	tree.SetWeight("a", 2)
	if got := order(tree); !slices.Equal(got, []string{"b", "a/x"}) {
		t.Errorf("order is %v, want the weight of a to stay 1", got)
	}
	late := newTree("a/x", "b")
	late.SetWeight("a", 2)
	late.Charge(late.Find("a/x"), []int64{3000, 0, 0, 0})
	late.Charge(late.Find("b"), []int64{2000, 0, 0, 0})
	if got := order(late); !slices.Equal(got, []string{"a/x", "b"}) {
		t.Errorf("order is %v, want weight 2 for a", got)
	}
}

func TestSubset(t *testing.T) {
	tree := newTree("a", "b", "c/x", "c/y")
	tree.WantOnly(func(client int32) bool { return client != 0 })
	tree.Refresh()
	var it Iter
	it.ResetWanted(tree)
	if got := drain(tree, &it); !slices.Equal(got, []string{"b", "c/x", "c/y"}) {
		t.Errorf("the wanted ones are %v, want all but a", got)
	}
	tree.SetWanted(tree.Find("c/x"), false)
	tree.Charge(tree.Find("b"), []int64{1, 0, 0, 0})
	tree.Refresh()
	it.ResetWanted(tree)
	if got := drain(tree, &it); !slices.Equal(got, []string{"c/y", "b"}) {
		t.Errorf("the wanted ones are %v, want c/y, then b", got)
	}
	if got := order(tree); len(got) != 4 {
		t.Errorf("all are %v, want four", got)
	}
}

// Whatever happens, Iter yields what sorting all claimants by their keys yields,
// and Compare agrees.
func TestOrderAgreesWithSorting(t *testing.T) {
	names := []string{"a", "b", "c", "a/x", "a/y", "a/x/1", "b/x", "d/e/f"}
	rapid.Check(t, func(r *rapid.T) {
		tree := NewTree(true)
		tree.SetCluster([]int64{10000, 5000, 0, 0}, nil)
		held := map[string][]int64{}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			name := rapid.SampledFrom(names).Draw(r, "name")
			l := tree.Find(name)
			switch op := rapid.IntRange(0, 6).Draw(r, "op"); {
			case l == NoLeaf:
				tree.SetActive(tree.Add(name, 0), true)
				held[name] = make([]int64, 4)
			case op == 0:
				tree.SetActive(l, !tree.Active(l))
			case op == 1:
				tree.SetWeight(name, float64(rapid.IntRange(1, 3).Draw(r, "weight")))
			case op == 2 && IsZero(held[name]):
				tree.Remove(name)
				delete(held, name)
			case op == 3:
				tree.Discharge(l, held[name])
				held[name] = make([]int64, 4)
			default:
				v := []int64{int64(rapid.IntRange(0, 3).Draw(r, "cpus")) * 100, int64(rapid.IntRange(0, 3).Draw(r, "mem")) * 70, 0, 0}
				tree.Charge(l, v)
				AddTo(held[name], v)
			}
			if got, want := order(tree), sorted(tree); !slices.Equal(got, want) {
				r.Fatalf("order is %v, sorting gives %v", got, want)
			}
		}
		got := order(tree)
		for i := 1; i < len(got); i++ {
			if tree.Compare(tree.Find(got[i-1]), tree.Find(got[i])) >= 0 {
				r.Fatalf("Compare puts %s after %s", got[i-1], got[i])
			}
		}
	})
}

// sorted lists active claimants the slow way.
func sorted(t *Tree) []string {
	var out []string
	var list func(n node)
	list = func(n node) {
		kids := slices.Clone(t.nodes[n].bracket.kids)
		slices.SortFunc(kids, func(x, y node) int {
			return cmp.Or(cmp.Compare(t.share(x), t.share(y)), cmp.Compare(t.nodes[x].count, t.nodes[y].count),
				strings.Compare(t.nodes[x].path, t.nodes[y].path))
		})
		for _, k := range kids {
			v := &t.nodes[k]
			switch {
			case v.kind == inner:
				list(k)
			case v.kind == activeLeaf:
				out = append(out, strings.TrimSuffix(v.path, "/."))
			}
		}
	}
	list(root)
	return out
}

func TestStateRestores(t *testing.T) {
	tree := newTree("a", "a/x", "b")
	tree.Charge(tree.Find("a"), []int64{5, 0, 0, 0})
	tree.SetWeight("b", 3)
	order(tree)
	nodes, weights := tree.State()
	again := newTree("b", "a/x", "a")
	again.Restore(again.Find("a"), []int64{5, 0, 0, 0})
	again.SetState(nodes, weights)
	if x, y := order(tree), order(again); !slices.Equal(x, y) {
		t.Errorf("restored order is %v, want %v", y, x)
	}
	n2, w2 := again.State()
	if fmt.Sprint(nodes, weights) != fmt.Sprint(n2, w2) {
		t.Errorf("state is %v %v, want %v %v", n2, w2, nodes, weights)
	}
}

func TestShuffleFavoursWeights(t *testing.T) {
	tree := newTree("a", "b")
	tree.SetWeight("a", 9)
	seed := uint64(1)
	unit := func() float64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return (float64(seed>>11) + 0.5) / (1 << 53)
	}
	first := 0
	for range 10000 {
		if tree.Shuffle(nil, unit)[0] == tree.Find("a") {
			first++
		}
	}
	if math.Abs(float64(first)-9000) > 200 {
		t.Errorf("a came first %d times of 10,000, want about 9,000", first)
	}
}

func TestOrderDoesNotAllocate(t *testing.T) {
	tree := newTree("a", "b", "c/x", "c/y")
	var it Iter
	v := []int64{10, 10, 0, 0}
	step := func() {
		tree.Refresh()
		it.Reset(tree)
		l := it.Next()
		it.Next()
		tree.Charge(l, v)
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations to find and charge the neediest, want 0", n)
	}
}

// One round of the cycle's inner loop: who is next, charge it.
func BenchmarkNeediest(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprintf("claimants=%d", n), func(b *testing.B) {
			tree := NewTree(false)
			tree.SetCluster([]int64{1e9, 1e9, 1e9, 0}, nil)
			for i := range n {
				tree.SetActive(tree.Add(fmt.Sprintf("f%05d", i), int32(i)), true)
			}
			var it Iter
			v := []int64{24000, 4096000, 4096000, 0}
			b.ReportAllocs()
			for range b.N {
				tree.Refresh()
				it.Reset(tree)
				tree.Charge(it.Next(), v)
			}
		})
	}
}
