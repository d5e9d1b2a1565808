package resource

import "testing"

// parse reads flag text and fails the test if that is not possible.
func parse(t testing.TB, text string) Resources {
	t.Helper()
	rs, err := Parse(text, DefaultRole)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return rs
}

func TestPlusAndMinusAreInverse(t *testing.T) {
	a, b := parse(t, "cpus:4;mem(r):1024;ports:[1-5]"), parse(t, "cpus:0.1;ports:[7-9];mem:3")
	sum := a.Plus(b)
	if !sum.Contains(a) || !sum.Contains(b) || !sum.Minus(b).Equal(a) {
		t.Fatalf("%s + %s = %s", a, b, sum)
	}
	allocated := sum.Allocate("x")
	if allocated.Equal(sum) || !allocated.Unallocate().Equal(sum) {
		t.Fatalf("allocated: %s", allocated)
	}
}
