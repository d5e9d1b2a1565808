package resource

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// FuzzFromProto reads resources from arbitrary bytes: nothing may panic, and what is accepted must
// survive every operation and be written so that it reads the same.
func FuzzFromProto(f *testing.F) {
	for _, text := range []string{"cpus:4;mem(role):1024", "ports:[1-5,7-9];nics:{a,b}"} {
		reserve := &mesos.Offer_Operation_Reserve{Resources: parse(f, text).Allocate("r").ToProto(Endpoint)}
		encoded, err := reserve.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	reserve := &mesos.Offer_Operation_Reserve{Resources: reservedOffer(f).ToProto(PostRefinement)}
	encoded, err := reserve.MarshalVT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		list := &mesos.Offer_Operation_Reserve{}
		if list.UnmarshalVT(data) != nil {
			return
		}
		rs, err := FromProto(list.Resources)
		if err != nil {
			return
		}
		messages := rs.ToProto(Endpoint)
		again, err := FromProto(messages)
		if err != nil || len(again) != len(rs) || !again.NonShared().Equal(rs.NonShared()) {
			t.Fatalf("%s is written as %v, which reads as %s, %v", rs, messages, again, err)
		}
		if !rs.Contains(rs) || !rs.Plus(rs).Contains(rs) || !rs.Minus(rs).IsEmpty() {
			t.Fatalf("%s does not behave like a set", rs)
		}
		_ = rs.Validate()
		_ = rs.Allocate("x").ToUnreserved().Quantities().String()
		if popped, err := rs.PopReservation(); err == nil && len(popped) > len(rs) {
			t.Fatalf("%s without a reservation is %s", rs, popped)
		}
		for _, op := range operationsOn(list.Resources) {
			conversions, err := OperationConversions(op)
			if err != nil {
				continue
			}
			for _, c := range conversions {
				if after, err := c.Consumed.Apply([]Conversion{c}); err == nil && len(c.Gone) == 0 && !after.Contains(c.Converted) {
					t.Fatalf("%s becomes %s, want %s", c.Consumed, after, c.Converted)
				}
			}
		}
	})
}

func operationsOn(list []*mesos.Resource) []*mesos.Offer_Operation {
	subtract := 0.5
	ops := []*mesos.Offer_Operation{
		{Type: mesos.Offer_Operation_RESERVE.Enum(), Reserve: &mesos.Offer_Operation_Reserve{Resources: list}},
		{Type: mesos.Offer_Operation_UNRESERVE.Enum(), Unreserve: &mesos.Offer_Operation_Unreserve{Resources: list}},
		{Type: mesos.Offer_Operation_CREATE.Enum(), Create: &mesos.Offer_Operation_Create{Volumes: list}},
		{Type: mesos.Offer_Operation_DESTROY.Enum(), Destroy: &mesos.Offer_Operation_Destroy{Volumes: list}},
	}
	if len(list) > 0 {
		ops = append(ops,
			&mesos.Offer_Operation{Type: mesos.Offer_Operation_GROW_VOLUME.Enum(), GrowVolume: &mesos.Offer_Operation_GrowVolume{Volume: list[0], Addition: list[len(list)-1]}},
			&mesos.Offer_Operation{Type: mesos.Offer_Operation_SHRINK_VOLUME.Enum(), ShrinkVolume: &mesos.Offer_Operation_ShrinkVolume{Volume: list[0], Subtract: &mesos.Value_Scalar{Value: &subtract}}},
		)
	}
	return ops
}
