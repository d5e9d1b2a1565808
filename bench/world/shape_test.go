package world

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// attribute of what an agent registers with.
func attribute(r *link.Register, name string) string {
	for _, a := range r.GetAgent().GetAttributes() {
		if a.GetName() == name {
			return a.GetText().GetValue()
		}
	}
	return ""
}

// play registers n agents of a named shape.
func play(t *testing.T, name string, n int) (rs []*link.Register) {
	t.Helper()
	s, err := ShapeNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	var sum Amount
	for i := range n {
		r := s.register(i, "")
		rs = append(rs, r)
		for _, x := range r.GetTotal() {
			sum.add(x)
		}
	}
	if got := s.Total(n); math.Abs(got.CPUs-sum.CPUs)+math.Abs(got.MemMiB-sum.MemMiB)+math.Abs(got.GPUs-sum.GPUs) > 1e-6 {
		t.Errorf("%s: %d agents have %v together, want %v", name, n, got, sum)
	}
	return rs
}

// distinct values of an attribute.
func distinct(rs []*link.Register, name string) int {
	seen := map[string]bool{}
	for _, r := range rs {
		if v := attribute(r, name); v != "" {
			seen[v] = true
		}
	}
	return len(seen)
}

func TestPlainAgentsAreAllAlike(t *testing.T) {
	for _, r := range play(t, "plain", 7) {
		if len(r.GetAgent().GetAttributes()) != 0 || r.GetAgent().GetDomain() != nil || len(r.GetTotal()) != 4 {
			t.Errorf("got %v", r.GetAgent())
		}
	}
}

func TestGenerationsDifferInSize(t *testing.T) {
	rs := play(t, "generations", 503)
	cpus := map[float64]int{}
	for _, r := range rs {
		var a Amount
		for _, x := range r.GetTotal() {
			a.add(x)
		}
		cpus[a.CPUs]++
	}
	if cpus[192] < 90 || cpus[192] > 110 || cpus[64] < 190 || cpus[24] < 190 || len(cpus) != 3 {
		t.Errorf("agents by CPUs are %v, want 24, 64 and 192 as 2:2:1", cpus)
	}
	if n := distinct(rs, "generation"); n != 3 {
		t.Errorf("got %d generations, want 3", n)
	}
}

func TestRacksAreInZonesWithFaultDomains(t *testing.T) {
	rs := play(t, "racks", 1000)
	if zones, racks := distinct(rs, "zone"), distinct(rs, "rack"); zones != 3 || racks != 120 {
		t.Errorf("got %d zones and %d racks, want 3 and 120", zones, racks)
	}
	for _, r := range rs {
		d := r.GetAgent().GetDomain().GetFaultDomain()
		if d.GetRegion().GetName() != "r1" || d.GetZone().GetName() != attribute(r, "zone") || !strings.HasPrefix(attribute(r, "rack"), attribute(r, "zone")+"-r") {
			t.Fatalf("got %v", r.GetAgent())
		}
	}
	s, _ := ShapeNamed("racks")
	if f := s.Flags(); len(f) != 1 || !strings.Contains(f[0], `"r1"`) {
		t.Errorf("the allocator is told %v, want its region", f)
	}
}

func TestGPUsAreOnEveryFourthMachine(t *testing.T) {
	play(t, "gpus", 16)
	s, _ := ShapeNamed("gpus")
	if got := s.Total(400).GPUs; got != 800 {
		t.Errorf("400 agents have %v GPUs, want 800", got)
	}
}

func TestReservedMachinesKeepAPartForARole(t *testing.T) {
	reserved := 0
	for _, r := range play(t, "reserved", 200) {
		for _, x := range r.GetTotal() {
			if rv := x.GetReservations(); len(rv) > 0 && rv[0].GetRole() == "services" && x.GetName() == "cpus" {
				reserved++
			}
		}
	}
	if reserved != 100 {
		t.Errorf("%d of 200 have CPUs reserved, want 100", reserved)
	}
}

func TestMixedHasGenerationsRacksAndGPUs(t *testing.T) {
	rs := play(t, "mixed", 500)
	if g, z, r := distinct(rs, "generation"), distinct(rs, "zone"), distinct(rs, "rack"); g != 4 || z != 3 || r != 120 {
		t.Errorf("got %d generations, %d zones and %d racks, want 4, 3 and 120", g, z, r)
	}
}

func TestTheSameSeedDealsTheSameFleet(t *testing.T) {
	machines := []Machines{{Name: "a", Count: 50, Resources: "cpus:1;mem:1"}, {Name: "b", Count: 50, Resources: "cpus:2;mem:1"}}
	deal := func(seed uint64) []uint16 {
		s, err := NewShape(machines, seed)
		if err != nil {
			t.Fatal(err)
		}
		return s.order
	}
	if !slices.Equal(deal(3), deal(3)) || slices.Equal(deal(3), deal(4)) {
		t.Error("want the same order of the same seed and another of another")
	}
}

func TestShapesThatCannotBe(t *testing.T) {
	for want, m := range map[string][]Machines{
		"machines 2: count is 0, want 1": {{Count: 1, Resources: "cpus:1;mem:1"}, {Resources: "cpus:1;mem:1"}},
		"want cpus and mem":              {{Count: 1, Resources: "cpus:1"}},
		"resources \"cpus\"":             {{Count: 1, Resources: "cpus"}},
		"want zones wherever":            {{Count: 1, Resources: "cpus:1;mem:1", Racks: 4}},
		"got 400000 machines":            {{Count: MaxAgents, Resources: "cpus:1;mem:1"}, {Count: MaxAgents, Resources: "cpus:1;mem:1"}},
		"got 0 machines":                 {},
	} {
		if _, err := NewShape(m, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := ShapeNamed("round"); err == nil || !strings.Contains(err.Error(), "want plain, generations, racks") {
		t.Errorf("got %v", err)
	}
}

func scalar(name string, v float64, role string) *mesos.Resource {
	r := &mesos.Resource{Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &v}}
	if role != "" {
		r.Reservations = []*mesos.Resource_ReservationInfo{{Role: &role}}
	}
	return r
}

func TestRoomIsTakenFromReservationsFirst(t *testing.T) {
	room := RoomOf(&mesos.Offer{Resources: []*mesos.Resource{
		scalar("cpus", 4, ""), scalar("mem", 100, ""), scalar("cpus", 2, "r"), scalar("mem", 50, "r"), scalar("gpus", 1, ""),
	}})
	for i, want := range []struct{ taken, reserved bool }{{true, true}, {true, false}, {true, false}, {false, false}} {
		if taken, reserved := room.Take(Amount{CPUs: 2, MemMiB: 30}); taken != want.taken || reserved != want.reserved {
			t.Errorf("task %d: got %v, %v, want %v", i, taken, reserved, want)
		}
	}
	if taken, _ := room.Take(Amount{GPUs: 1}); !taken {
		t.Error("the GPU is gone")
	}
}

func TestDominantShareIsTheLargestPart(t *testing.T) {
	total := Amount{CPUs: 640, MemMiB: 1000, GPUs: 8}
	for _, c := range []struct {
		a    Amount
		want float64
	}{{Amount{CPUs: 64, MemMiB: 500}, .5}, {Amount{CPUs: 640}, 1}, {Amount{CPUs: 1, GPUs: 2}, .25}} {
		if got := c.a.DominantShare(total); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v has %v, want %v", c.a, got, c.want)
		}
	}
}

func TestDemandsBecomeMessagesOnce(t *testing.T) {
	d := demands{role: "r", known: map[demand][]*mesos.Resource{}}
	l := &Launch{Amount: Amount{CPUs: .5, MemMiB: 64.25, GPUs: 1}, Reserved: true}
	first, err := d.of(l)
	if err != nil || len(first) != 3 || first[0].GetReservations()[0].GetRole() != "r" || first[0].GetAllocationInfo().GetRole() != "r" {
		t.Fatalf("got %v, %v", first, err)
	}
	if again, _ := d.of(l); &again[0] != &first[0] {
		t.Error("the messages were made twice")
	}
	for i := range 2 * manyDemands {
		if _, err := d.of(&Launch{Amount: Amount{CPUs: 1, MemMiB: float64(i + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.known) > manyDemands {
		t.Errorf("%d demands are kept, want at most %d", len(d.known), manyDemands)
	}
}
