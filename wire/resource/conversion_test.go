package resource_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// operation makes an operation from its name and arguments in the short notation.
func operation(name string, args ...string) *mesos.Offer_Operation {
	var lists [][]*mesos.Resource
	for _, arg := range args {
		lists = append(lists, notation.MustParse(arg).ToProto(resource.PostRefinement))
	}
	switch name {
	case "reserve":
		reserve := &mesos.Offer_Operation_Reserve{Resources: lists[0]}
		if len(lists) > 1 {
			reserve.Source = lists[1]
		}
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_RESERVE.Enum(), Reserve: reserve}
	case "unreserve":
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_UNRESERVE.Enum(), Unreserve: &mesos.Offer_Operation_Unreserve{Resources: lists[0]}}
	case "create":
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_CREATE.Enum(), Create: &mesos.Offer_Operation_Create{Volumes: lists[0]}}
	case "destroy":
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_DESTROY.Enum(), Destroy: &mesos.Offer_Operation_Destroy{Volumes: lists[0]}}
	case "grow":
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_GROW_VOLUME.Enum(), GrowVolume: &mesos.Offer_Operation_GrowVolume{Volume: lists[0][0], Addition: lists[1][0]}}
	case "shrink":
		return &mesos.Offer_Operation{Type: mesos.Offer_Operation_SHRINK_VOLUME.Enum(), ShrinkVolume: &mesos.Offer_Operation_ShrinkVolume{Volume: lists[0][0], Subtract: lists[1][0].Scalar}}
	}
	return &mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH.Enum()}
}

func TestOperations(t *testing.T) {
	for _, c := range []struct {
		name, before string
		op           []string
		after        string
	}{
		{"reserve", "cpus:4;mem:10", []string{"reserve", "cpus(d:r!p):1;mem(d:r!p):4"}, "cpus(d:r!p):1;cpus:3;mem(d:r!p):4;mem:6"},
		{"reserve what is not there", "cpus:4", []string{"reserve", "cpus(d:r):5"}, "error: does not contain"},
		{"reserve part of it that is not there", "cpus:4", []string{"reserve", "cpus(d:r):1;mem(d:r):1"}, "error: does not contain"},
		{"refine a static reservation", "cpus(s:r):4", []string{"reserve", "cpus(s:r,d:r/s):1"}, "cpus(s:r):3;cpus(s:r,d:r/s):1"},
		{"reserve again from a source", "cpus(d:r):4", []string{"reserve", "cpus(d:s):3", "cpus(d:r):3"}, "cpus(d:r):1;cpus(d:s):3"},
		{"reserve without reservation", "cpus:4", []string{"reserve", "cpus:1"}, "error: not reserved"},
		{"unreserve", "cpus(d:r):4", []string{"unreserve", "cpus(d:r):1"}, "cpus(d:r):3;cpus:1"},
		{"unreserve pops one level", "cpus(s:r,d:r/s):4", []string{"unreserve", "cpus(s:r,d:r/s):4"}, "cpus(s:r):4"},
		{"unreserve a volume", "disk(d:r){vol=v@p}:4", []string{"unreserve", "disk(d:r){vol=v@p}:4"}, "disk{vol=v@p}:4"},
		{"unreserve what is free", "cpus:4", []string{"unreserve", "cpus:1"}, "error: not reserved"},
		{"create", "disk(d:r):10", []string{"create", "disk(d:r){vol=v@p}:4"}, "disk(d:r):6;disk(d:r){vol=v@p}:4"},
		{"create two", "disk(d:r):10", []string{"create", "disk(d:r){vol=v@p}:4;disk(d:r){vol=w@p}:6"}, "disk(d:r){vol=v@p}:4;disk(d:r){vol=w@p}:6"},
		{"create a shared one", "disk(s:r):10", []string{"create", "disk(s:r){vol=v@p,shared}:4"}, "disk(s:r):6;disk(s:r){vol=v@p,shared}:4"},
		{"create on a mount disk", "disk(s:r){mount=/m}:10", []string{"create", "disk(s:r){mount=/m,vol=v@p}:10"}, "disk(s:r){mount=/m,vol=v@p}:10"},
		{"create on part of a mount disk", "disk(s:r){mount=/m}:10", []string{"create", "disk(s:r){mount=/m,vol=v@p}:4"}, "error: does not contain"},
		{"create what is no volume", "disk(s:r):10", []string{"create", "disk(s:r):4"}, "error: not a persistent volume"},
		{"destroy", "disk(d:r){vol=v@p}:4;disk(d:r):1", []string{"destroy", "disk(d:r){vol=v@elsewhere}:4"}, "disk(d:r):5"},
		{"destroy on a path disk", "disk(d:r){path=/p,vol=v@p}:4", []string{"destroy", "disk(d:r){path=/p,vol=v@p}:4"}, "disk(d:r){path=/p}:4"},
		{"destroy the last copy", "disk(d:r){vol=v@p,shared}:4", []string{"destroy", "disk(d:r){vol=v@p,shared}:4"}, "disk(d:r):4"},
		{"destroy one copy of two", "disk(d:r){vol=v@p,shared}:4;disk(d:r){vol=v@p,shared}:4", []string{"destroy", "disk(d:r){vol=v@p,shared}:4"}, "error: more copies"},
		{"grow", "disk(d:r){vol=v@p}:4;disk(d:r):3", []string{"grow", "disk(d:r){vol=v@p}:4", "disk(d:r):2"}, "disk(d:r):1;disk(d:r){vol=v@p}:6"},
		{"grow by what is not a scalar", "disk(d:r){vol=v@p}:4", []string{"grow", "disk(d:r){vol=v@p}:4", "ports:[1-2]"}, "error: not a scalar"},
		{"grow what is no volume", "disk(d:r):4", []string{"grow", "disk(d:r):1", "disk(d:r):1"}, "error: not a persistent volume"},
		{"shrink", "disk(d:r){vol=v@p}:4", []string{"shrink", "disk(d:r){vol=v@p}:4", "x:1.5"}, "disk(d:r):1.5;disk(d:r){vol=v@p}:2.5"},
		{"shrink to nothing", "disk(d:r){vol=v@p}:4", []string{"shrink", "disk(d:r){vol=v@p}:4", "x:4"}, "error: below its size"},
		{"launch", "cpus:1", []string{"launch"}, "error: no resource conversions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := notation.MustParse(c.before)
			after, err := applyOperation(before, operation(c.op[0], c.op[1:]...))
			if wantErr, ok := strings.CutPrefix(c.after, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), wantErr) {
					t.Fatalf("got %s and error %v, want %q", after, err, wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := notation.Format(after); got != c.after {
				t.Fatalf("got  %s\nwant %s", got, c.after)
			}
			if !after.CreateStrippedScalarQuantity().Equal(before.CreateStrippedScalarQuantity()) {
				t.Fatalf("amounts changed from %s to %s", before, after)
			}
			if got := notation.Format(before); got != notation.Format(notation.MustParse(c.before)) {
				t.Fatalf("the resources before changed to %s", got)
			}
		})
	}
}

func applyOperation(rs resource.Resources, op *mesos.Offer_Operation) (resource.Resources, error) {
	conversions, err := resource.OperationConversions(op)
	if err != nil {
		return nil, err
	}
	return rs.Apply(conversions)
}

func TestVolumesOfProvidersAreNotResized(t *testing.T) {
	volume := message(t, disk+reR+`disk { persistence { id: "v" } } provider_id { value: "p" }`)
	op := operation("grow", "disk(d:r){vol=v@p}:1", "disk(d:r):1")
	op.GrowVolume.Volume = volume
	if _, err := resource.OperationConversions(op); err == nil || !strings.Contains(err.Error(), "resource provider") {
		t.Errorf("grow: %v", err)
	}
	op = operation("shrink", "disk(d:r){vol=v@p}:1", "x:0.5")
	op.ShrinkVolume.Volume = volume
	if _, err := resource.OperationConversions(op); err == nil || !strings.Contains(err.Error(), "resource provider") {
		t.Errorf("shrink: %v", err)
	}
}

// Each operation is undone by its opposite.
func TestOperationsAreUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stack := rapid.SampledFrom([]string{"d:r", "d:r!p", "s:r,d:r/s", "d:r,d:r/s!p"}).Draw(t, "stack")
		flags := rapid.SampledFrom([]string{"vol=v@p", "path=/p,vol=v@p", "vol=v@p,shared"}).Draw(t, "flags")
		size := resource.FormatMilli(rapid.Int64Range(1, 9000).Draw(t, "size"))
		reserved := "disk(" + stack + "):" + size
		if strings.HasPrefix(flags, "path") {
			reserved = "disk(" + stack + "){path=/p}:" + size
		}
		volume := "disk(" + stack + "){" + flags + "}:" + size
		free, err := notation.MustParse(reserved).PopReservation()
		if err != nil {
			t.Fatal(err)
		}
		rest := rapid.SampledFrom([]string{"", "cpus:1", reserved}).Draw(t, "rest")
		start := free.Plus(notation.MustParse(rest)).Allocate("r")
		rs := start
		for _, step := range []*mesos.Offer_Operation{
			operation("reserve", reserved), operation("create", volume),
			operation("destroy", volume), operation("unreserve", reserved),
		} {
			conversions, err := resource.OperationConversions(step)
			if err != nil {
				t.Fatal(err)
			}
			total, err := rs.Unallocate().Apply(conversions)
			if err != nil {
				t.Fatalf("%v on %s: %v", step.GetType(), rs, err)
			}
			if total.Equal(rs.Unallocate()) {
				t.Fatalf("%v does nothing to %s", step.GetType(), rs)
			}
			for i := range conversions {
				conversions[i].Consumed = conversions[i].Consumed.Allocate("r")
				conversions[i].Converted = conversions[i].Converted.Allocate("r")
				if !conversions[i].Unallocate().Consumed.Allocate("r").Equal(conversions[i].Consumed) {
					t.Fatalf("conversion %v without allocation is %v", conversions[i], conversions[i].Unallocate())
				}
			}
			if rs, err = rs.Apply(conversions); err != nil {
				t.Fatalf("%v: %v", step.GetType(), err)
			}
			if !rs.Unallocate().Equal(total) {
				t.Fatalf("allocated %s, in total %s", rs, total)
			}
		}
		if !rs.Equal(start) {
			t.Fatalf("got %s, want %s again", rs, start)
		}
	})
}

func TestPushAndPop(t *testing.T) {
	rs := notation.MustParse("cpus(s:a):1;mem(s:a,d:a/b):2")
	stack, err := notation.ParseStack("d:a/b/c!p")
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := rs.PushReservation(stack[0])
	if err != nil || notation.Format(pushed) != "cpus(s:a,d:a/b/c!p):1;mem(s:a,d:a/b,d:a/b/c!p):2" {
		t.Fatalf("pushed: %s, %v", notation.Format(pushed), err)
	}
	if popped, err := pushed.PopReservation(); err != nil || !popped.Equal(rs) {
		t.Fatalf("popped: %s, %v", popped, err)
	}
	if _, err := notation.MustParse("cpus:1").PopReservation(); err == nil {
		t.Fatal("a reservation was taken off free resources")
	}
	if _, err := notation.MustParse("cpus(s:x):1").PushReservation(stack[0]); err == nil {
		t.Fatal("a reservation was refined by one for another tree")
	}
	if got := notation.Format(pushed.ToUnreserved()); got != "cpus:1;mem:2" {
		t.Fatalf("unreserved: %s", got)
	}
	if got := notation.Format(notation.MustParse("cpus(s:a):1;cpus:2").ToUnreserved()); got != "cpus:3" {
		t.Fatalf("unreserved entries are not merged: %s", got)
	}
}

func TestAllocatableTo(t *testing.T) {
	rs := notation.MustParse("cpus:1;cpus(s:a):2;cpus(s:a,d:a/b):4;cpus(s:c):8")
	for role, want := range map[string]int64{"a": 3000, "a/b": 7000, "a/b/x": 7000, "a/bx": 3000, "c": 9000, "*": 1000, "d": 1000} {
		if got := rs.AllocatableTo(role).ScalarMilli("cpus"); got != want {
			t.Errorf("allocatable to %q: got %d, want %d", role, got, want)
		}
	}
	if got := notation.Format(rs.ReservedTo("a")); got != "cpus(s:a):2" {
		t.Errorf("reserved to a: %s", got)
	}
	if got := notation.Format(rs.ReservedToSubtree("a")); got != "cpus(s:a):2;cpus(s:a,d:a/b):4" {
		t.Errorf("reserved to the subtree of a: %s", got)
	}
}

func TestApplyCheckpointed(t *testing.T) {
	for _, c := range []struct{ flags, remembered, want string }{
		{"cpus:4;disk:10", "cpus(d:r!p):1;disk(d:r){vol=v@p}:4", "cpus(d:r!p):1;cpus:3;disk(d:r){vol=v@p}:4;disk:6"},
		{"cpus(s:r):4", "cpus(s:r,d:r/s):1", "cpus(s:r):3;cpus(s:r,d:r/s):1"},
		{"disk(s:r):10", "disk(s:r){vol=v@p,shared}:4", "disk(s:r):6;disk(s:r){vol=v@p,shared}:4"},
		{"disk{mount=/m}:10", "disk(d:r){mount=/m,vol=v@p}:10", "disk(d:r){mount=/m,vol=v@p}:10"},
		{"cpus:4", "cpus(d:r):5", "error: do not contain"},
		{"cpus:4", "cpus:1", "error: neither"},
	} {
		got, err := notation.MustParse(c.flags).ApplyCheckpointed(notation.MustParse(c.remembered))
		if wantErr, ok := strings.CutPrefix(c.want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), wantErr) {
				t.Errorf("%s with %s: got %s and error %v, want %q", c.flags, c.remembered, got, err, wantErr)
			}
		} else if err != nil || notation.Format(got) != c.want {
			t.Errorf("%s with %s: got %s, %v, want %s", c.flags, c.remembered, notation.Format(got), err, c.want)
		}
	}
}

func TestShrinkTo(t *testing.T) {
	for _, c := range []struct {
		entry string
		milli int64
		want  string
	}{
		{"cpus:4", 1500, "cpus:1.5"},
		{"cpus:4", 5000, "cpus:4"},
		{"disk{path=/p}:4", 1000, "disk{path=/p}:1"},
		{"disk{mount=/m}:4", 1000, ""},
		{"disk{mount=/m}:4", 4000, "disk{mount=/m}:4"},
	} {
		r, ok := notation.MustParse(c.entry)[0].ShrinkTo(c.milli)
		if ok != (c.want != "") || ok && notation.FormatEntry(r) != c.want {
			t.Errorf("%s cut to %d: got %s, %v", c.entry, c.milli, r, ok)
		}
	}
}

func TestLimits(t *testing.T) {
	limits, err := resource.ParseLimits("cpus:4;gpus:0")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"": true, "cpus:4;mem:99": true, "cpus:4.001": false, "gpus:1": false} {
		q, err := resource.ParseQuantities(text)
		if err != nil {
			t.Fatal(err)
		}
		if limits.Allow(q) != want {
			t.Errorf("%s allow %s: got %v", limits, q, !want)
		}
	}
	used, _ := resource.ParseQuantities("cpus:1;gpus:3;mem:7")
	if got := limits.Minus(used).String(); got != "cpus:3; gpus:0" {
		t.Errorf("what remains is %s", got)
	}
	tighter, _ := resource.ParseLimits("cpus:3;gpus:0;mem:1")
	if !limits.Contains(tighter) || tighter.Contains(limits) {
		t.Error("tighter limits contain looser ones")
	}
	again, err := resource.LimitsFromScalarMap(limits.ToScalarMap())
	if err != nil || !again.Equal(limits) {
		t.Errorf("through a map: %s, %v", again, err)
	}
	minus := -1.0
	if _, err := resource.LimitsFromScalarMap(map[string]*mesos.Value_Scalar{"cpus": {Value: &minus}}); err == nil {
		t.Error("a negative limit was accepted")
	}
	if _, err := resource.FromScalarMap(map[string]*mesos.Value_Scalar{"cpus": {Value: &minus}}); err == nil {
		t.Error("a negative quantity was accepted")
	}
}
