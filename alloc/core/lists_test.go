package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

func protosOf(t *testing.T, text string) []*mesos.Resource {
	t.Helper()
	rs, err := resource.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs.ToProto(resource.PostRefinement)
}

// Equal lists for one role are one list; others, and those of other roles, are not.
func TestEqualListsAreShared(t *testing.T) {
	l := newLists()
	read := func(text, role string) sharedList {
		s, err := l.read(protosOf(t, text), role)
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	a, again := read("cpus:1;mem:32", "r"), read("cpus:1;mem:32", "r")
	if a.wire[0] != again.wire[0] || &a.res[0] != &again.res[0] {
		t.Error("equal lists are kept twice")
	}
	if got := a.res.String(); got != "cpus(allocated: r):1; mem(allocated: r):32" {
		t.Errorf("got %s", got)
	}
	for _, other := range []sharedList{read("cpus:1;mem:33", "r"), read("cpus:1;mem:32", "s"), read("cpus:1;mem:32", "")} {
		if other.wire[0] == a.wire[0] || other.res.String() == a.res.String() {
			t.Errorf("%v is taken for %v", other.res, a.res)
		}
	}
	if s, err := l.resources(a.wire); err != nil || &s.res[0] != &a.res[0] {
		t.Errorf("a shared list in a record is read again: %v, %v", s, err)
	}
	given := protosOf(t, "cpus:7")
	if l.given(given)[0] != given[0] || l.given(protosOf(t, "cpus:7"))[0] != given[0] {
		t.Error("what an operator gave is not shared")
	}
	if _, err := l.read([]*mesos.Resource{{}}, "r"); err == nil {
		t.Error("a resource without anything was read")
	}
}

// Agents of one version say the same of what they can, in lists of their own.
func TestEqualCapabilitiesAreShared(t *testing.T) {
	l := newLists()
	list := func(types ...mesos.AgentInfo_Capability_Type) (all []*mesos.AgentInfo_Capability) {
		for _, c := range types {
			all = append(all, &mesos.AgentInfo_Capability{Type: c.Enum()})
		}
		return all
	}
	one, two := mesos.AgentInfo_Capability_MULTI_ROLE, mesos.AgentInfo_Capability_AGENT_DRAINING
	a := l.capabilitiesOf(list(one, two))
	if again := l.capabilitiesOf(list(one, two)); again[0] != a[0] {
		t.Error("equal lists are kept twice")
	}
	for _, other := range [][]*mesos.AgentInfo_Capability{list(two, one), list(one), list(), {{}}} {
		if got := l.capabilitiesOf(other); len(got) != len(other) || len(got) > 0 && got[0] != other[0] {
			t.Errorf("got %v for %v", got, other)
		}
	}
}

// What is given twice or amounts to nothing is shown so, and counts once or not at all.
func TestListsAreShownAsTheyWereGiven(t *testing.T) {
	l := newLists()
	given := append(protosOf(t, "cpus:1;ports:[1-2]"), protosOf(t, "ports:[1-2]")...)
	given = append(given, &mesos.Resource{Name: ptr("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: ptr(0.0)}})
	s, err := l.read(given, "r")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.res.String(); got != "cpus(allocated: r):1; ports(allocated: r):[1-2]" {
		t.Errorf("got %s", got)
	}
	var names []string
	for _, m := range s.wire {
		if m.GetAllocationInfo().GetRole() != "r" {
			t.Errorf("%v is allocated to nobody", m)
		}
		names = append(names, m.GetName())
	}
	if got := strings.Join(names, " "); got != "cpus ports ports mem" {
		t.Errorf("shown are %s", got)
	}
}

// However many different lists come, few are held.
func TestListsAreBounded(t *testing.T) {
	l := newLists()
	for i := range 3 * mostLists {
		if _, err := l.read(protosOf(t, fmt.Sprintf("cpus:%d", i+1)), "r"); err != nil {
			t.Fatal(err)
		}
		l.name(ptr(fmt.Sprint(i)))
	}
	if len(l.byBytes) > mostLists || len(l.byFirst) > mostLists || len(l.names) > mostLists {
		t.Errorf("%d, %d and %d are held", len(l.byBytes), len(l.byFirst), len(l.names))
	}
}
