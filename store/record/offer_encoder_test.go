package record

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/mesos"
)

func offerResources(t *rapid.T) []*mesos.Resource {
	name, cpus := "cpus", rapid.Float64Range(0, 1e6).Draw(t, "cpus")
	list := []*mesos.Resource{{Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &cpus}}}
	if rapid.Bool().Draw(t, "ports") {
		ports, begin, end := "ports", rapid.Uint64().Draw(t, "begin"), rapid.Uint64().Draw(t, "end")
		list = append(list, &mesos.Resource{Name: &ports, Type: mesos.Value_RANGES.Enum(),
			Ranges: &mesos.Value_Ranges{Range: []*mesos.Value_Range{{Begin: &begin, End: &end}}}})
	}
	return list
}

// The encoder must give the bytes of the general one, for lists it has seen and
// for others, with every field set or not.
func TestOfferEncoderEqualsTheGeneralOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := [][]*mesos.Resource{nil, offerResources(t), offerResources(t)}
		var e OfferEncoder
		text := func(label string) *string {
			if rapid.Bool().Draw(t, label+" set") {
				s := rapid.String().Draw(t, label)
				return &s
			}
			return nil
		}
		for range 8 {
			o := &Offer{Id: text("id"), FrameworkId: text("framework"), AgentId: text("agent"), Role: text("role"),
				Resources: rapid.SampledFrom(lists).Draw(t, "list")}
			if rapid.Bool().Draw(t, "made set") {
				made := rapid.Int64().Draw(t, "made")
				o.MadeNanos = &made
			}
			got, err := e.AppendValue([]byte("x"), o)
			if err != nil {
				t.Fatal(err)
			}
			want, err := AppendValue([]byte("x"), o)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v:\ngot  %x\nwant %x", o, got, want)
			}
		}
	})
}

func TestOfferEncoderForgetsWithinItsBound(t *testing.T) {
	var e OfferEncoder
	name, cpus := "cpus", 1.0
	for range 200_000 {
		list := []*mesos.Resource{{Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &cpus}}}
		if _, err := e.AppendValue(nil, &Offer{Resources: list}); err != nil {
			t.Fatal(err)
		}
	}
	if e.bytes > mostListBytes || len(e.lists) >= 200_000 {
		t.Errorf("%d lists of %d bytes are kept", len(e.lists), e.bytes)
	}
}

func TestOfferEncoderDoesNotAllocateForAKnownList(t *testing.T) {
	var e OfferEncoder
	name, cpus, id := "cpus", 1.0, "m-O1"
	o := &Offer{Id: &id, Resources: []*mesos.Resource{{Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &cpus}}}}
	b := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := e.AppendValue(b, o); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
