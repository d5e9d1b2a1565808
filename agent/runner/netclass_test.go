package runner

import (
	"strings"
	"testing"
)

func TestNetClassesAreHandedOutOnce(t *testing.T) {
	n := newNetClasses(NetClasses{Primary: 2, Lowest: 5, Highest: 7})
	n.found("old", 0x20006)
	n.found("foreign", 0x10001) // of an agent with other flags
	n.found("none", 0)
	take := func(id string) uint32 {
		t.Helper()
		class, err := n.take(id)
		if err != nil {
			t.Fatal(err)
		}
		return class
	}
	if a, again, b := take("a"), take("a"), take("b"); a != 0x20005 || again != a || b != 0x20007 {
		t.Errorf("got %#x, %#x, %#x; want 0x20005 twice and 0x20007", a, again, b)
	}
	if n.get("old") != 0x20006 || n.get("foreign") != 0x10001 || n.get("none") != 0 {
		t.Error("what was found is not what is shown")
	}
	if class, err := n.take("c"); err == nil || !strings.Contains(err.Error(), "0x2:0x5 to 0x2:0x7") && !strings.Contains(err.Error(), "0x2:0x5 to 0x7") {
		t.Errorf("got %#x, %v; want none left", class, err)
	}
	n.drop("old")
	n.drop("nobody")
	if class := take("c"); class != 0x20006 {
		t.Errorf("got %#x, want the one that became free", class)
	}
	none := newNetClasses(NetClasses{})
	if class, err := none.take("a"); class != 0 || err != nil {
		t.Errorf("without a primary handle: got %#x, %v", class, err)
	}
	all := newNetClasses(NetClasses{Primary: 1})
	if class, err := all.take("a"); class != 0x10001 || err != nil || all.rules.highest() != 0xffff {
		t.Errorf("got %#x, %v", class, err)
	}
}
