package resource

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// typicalOffer is what an agent of a plain cluster offers, as a framework sends it back in tasks.
func typicalOffer(t testing.TB) Resources {
	return parse(t, "cpus:16;mem:65536;disk:500000;ports:[31000-31499,31600-32000]").Allocate("eng/ml")
}

// reservedOffer also holds reservations with principal and labels, and a volume.
func reservedOffer(t testing.TB) Resources {
	t.Helper()
	key, value, principal, role := "rack", "r1", "ops", "eng/ml"
	info := &mesos.Resource_ReservationInfo{
		Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: &role, Principal: &principal,
		Labels: &mesos.Labels{Labels: []*mesos.Label{{Key: &key, Value: &value}}},
	}
	reserved, err := parse(t, "cpus:4;mem:4096;disk:100").PushReservation(info)
	if err != nil {
		t.Fatal(err)
	}
	id, path, mode := "pv", "data", mesos.Volume_RW
	volume := reserved.Named("disk").ToProto(PostRefinement)[0]
	volume.Disk = &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{Id: &id, Principal: &principal},
		Volume:      &mesos.Volume{ContainerPath: &path, Mode: &mode},
	}
	volumes, err := FromProto([]*mesos.Resource{volume})
	if err != nil {
		t.Fatal(err)
	}
	return typicalOffer(t).Plus(reserved.Plus(volumes).Allocate("eng/ml"))
}

var (
	sinkResources  Resources
	sinkMessages   []*mesos.Resource
	sinkBool       bool
	sinkQuantities Quantities
)

// hotPaths are the operations that every offer, accept and status update goes through, with the
// allocations each may make.
func hotPaths(t testing.TB) []struct {
	name   string
	allocs float64
	run    func()
} {
	offer, reserved := typicalOffer(t), reservedOffer(t)
	task := parse(t, "cpus:0.5;mem:128;ports:[31000-31002]").Allocate("eng/ml")
	rest := offer.Minus(task)
	pre, post, long := offer.ToProto(PreRefinement), offer.ToProto(PostRefinement), reserved.ToProto(PostRefinement)
	quantities := offer.CreateStrippedScalarQuantity()
	total := offer.Plus(reserved)
	return []struct {
		name   string
		allocs float64
		run    func()
	}{
		{"FromProto/pre", 2, func() { sinkResources, _ = FromProto(pre) }},
		{"FromProto/post", 2, func() { sinkResources, _ = FromProto(post) }},
		{"FromProto/reserved", 2, func() { sinkResources, _ = FromProto(long) }},
		{"ToProto/pre", 5, func() { sinkMessages = offer.ToProto(PreRefinement) }},
		{"ToProto/post", 5, func() { sinkMessages = offer.ToProto(PostRefinement) }},
		{"ToProto/reserved", 5, func() { sinkMessages = reserved.ToProto(Endpoint) }},
		{"Plus", 2, func() { sinkResources = rest.Plus(task) }},
		{"Plus/scalars", 1, func() { sinkResources = task[:2].Plus(offer[:2]) }},
		{"Minus", 2, func() { sinkResources = offer.Minus(task) }},
		{"Contains", 0, func() { sinkBool = offer.Contains(task) }},
		{"Contains/volume", 1, func() { sinkBool = total.Contains(reserved) }},
		{"Equal", 0, func() { sinkBool = offer.Equal(rest) }},
		{"Allocate", 1, func() { sinkResources = offer.Allocate("ops") }},
		{"Unallocate", 1, func() { sinkResources = offer.Unallocate() }},
		{"AllocatableTo/all", 0, func() { sinkResources = reserved.AllocatableTo("eng/ml") }},
		{"Unreserved", 1, func() { sinkResources = reserved.Unreserved() }},
		{"CreateStrippedScalarQuantity", 1, func() { sinkQuantities = reserved.CreateStrippedScalarQuantity() }},
		{"Quantities.Contains", 0, func() { sinkBool = quantities.Contains(quantities) }},
		{"Quantities.Plus", 1, func() { sinkQuantities = quantities.Plus(quantities) }},
		{"ScalarMilli", 0, func() { sinkBool = reserved.ScalarMilli("cpus") > 0 }},
	}
}

func TestHotPathsAllocateLittle(t *testing.T) {
	typicalOffer(t).Allocate("ops") // the kinds of other roles may otherwise be made while measuring
	for _, path := range hotPaths(t) {
		keep := typicalOffer(t).Allocate("ops")
		if got := testing.AllocsPerRun(200, path.run); got > path.allocs {
			t.Errorf("%s: %v allocations, want at most %v", path.name, got, path.allocs)
		}
		sinkResources = keep
	}
}

func BenchmarkHotPaths(b *testing.B) {
	for _, path := range hotPaths(b) {
		b.Run(path.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path.run()
			}
		})
	}
}

// BenchmarkManyReservations adds a task to an agent's total with many reservations.
func BenchmarkManyReservations(b *testing.B) {
	var total Resources
	for i := range 200 {
		rs, err := Parse("cpus:1;mem:10", fmt.Sprintf("role%d", i))
		if err != nil {
			b.Fatal(err)
		}
		total.AddInPlace(rs)
	}
	task, err := Parse("cpus:1;mem:1", "role150")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		sinkResources = total.Plus(task)
	}
}
