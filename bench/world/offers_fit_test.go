package world

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/alloc/fanout"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// offerOf is what a framework sees of an idle agent.
func offerOf(t *testing.T, s *Shape, number int) *mesos.Offer {
	t.Helper()
	r := s.register(number, "")
	rs, err := resource.FromProto(r.GetTotal())
	if err != nil {
		t.Fatal(err)
	}
	master, role := "0b1c3f2e-1c0f-4a49-9b1e-0d8a54c51a6e", "role-0"
	id := func(kind string) *string { text := fmt.Sprintf("%s-%s%d", master, kind, number); return &text }
	return &mesos.Offer{
		Id: &mesos.OfferID{Value: id("O")}, FrameworkId: &mesos.FrameworkID{Value: id("0000")}, AgentId: &mesos.AgentID{Value: id("S")},
		Hostname: r.Agent.Hostname, Domain: r.Agent.Domain, Attributes: r.Agent.Attributes,
		Url: &mesos.URL{Scheme: ptr("http"), Path: ptr("/slave(1)"), Address: &mesos.Address{
			Hostname: r.Agent.Hostname, Ip: r.GetAddress().Ip, Port: ptr(int32(5051))}},
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role}, Resources: rs.Allocate(role).ToProto(resource.PostRefinement),
	}
}

// The whole of a fleet may be offered to one framework at once, and again before it has read that. This
// must not look like a framework which does not read.
func TestOffersOfAWholeFleetMayWait(t *testing.T) {
	for _, name := range ShapeNames() {
		s, err := ShapeNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []codec.Type{codec.JSON, codec.Protobuf} {
			const some = 500
			event := &scheduler.Event{Type: scheduler.Event_OFFERS.Enum(), Offers: &scheduler.Event_Offers{}}
			for i := range some {
				event.Offers.Offers = append(event.Offers.Offers, offerOf(t, s, 150_000+i))
			}
			b, err := e.Append(nil, event)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(b) / some; 2*got > fanout.BytesPerAgent {
				t.Errorf("%s, %s: an offer takes %d bytes, want at most %d, so that two may wait", name, e, got, fanout.BytesPerAgent/2)
			}
		}
	}
}
