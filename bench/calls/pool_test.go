package calls

import (
	"testing"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

func offers(n int) []*mesos.Offer {
	list := make([]*mesos.Offer, n)
	for i := range list {
		list[i] = &mesos.Offer{}
	}
	return list
}

// A framework has one call in flight; the others take turns.
func TestOneCallPerFramework(t *testing.T) {
	p, a, b := newPool(1), &world.Framework{Number: 1}, &world.Framework{Number: 2}
	p.putOffers(a, offers(3))
	p.putOffers(b, offers(1))
	var got []int
	take := func() *world.Framework {
		it, ok := p.tryTake()
		if !ok {
			got = append(got, 0)
			return nil
		}
		got = append(got, it.framework.Number)
		return it.framework
	}
	take()
	take()
	take()
	p.done(a)
	take()
	take()
	p.done(a)
	p.done(b)
	take()
	take()
	want := []int{1, 2, 0, 1, 0, 1, 0}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("frameworks got turns %v, want %v", got, want)
		}
	}
	if p.idle() {
		t.Error("the pool is idle with a call in flight")
	}
	p.done(a)
	if !p.idle() {
		t.Error("the pool is not idle")
	}
}

// While offers are held, updates go on; nothing that was parked is forgotten.
func TestHeldOffers(t *testing.T) {
	p, a, b := newPool(1), &world.Framework{Number: 1}, &world.Framework{Number: 2}
	p.hold(true)
	p.putOffers(a, offers(1))
	p.putOffers(b, offers(1))
	if it, ok := p.tryTake(); ok {
		t.Fatalf("got %v while offers are held", it)
	}
	p.putStatus(b, &mesos.TaskStatus{})
	it, ok := p.tryTake()
	if !ok || it.framework != b || it.statuses == nil {
		t.Fatalf("got %v, want b's update", it)
	}
	p.done(b)
	if it, ok := p.tryTake(); ok {
		t.Fatalf("got %v while offers are held", it)
	}
	p.hold(false)
	seen := 0
	for {
		it, ok := p.tryTake()
		if !ok {
			break
		}
		if it.offer == nil {
			t.Errorf("got %v, want an offer", it)
		}
		seen++
	}
	if seen != 2 {
		t.Errorf("got %d offers after the hold, want 2", seen)
	}
}

// A framework that leaves the parked ones for an update and comes back is dealt once.
func TestParkedTwice(t *testing.T) {
	p, a := newPool(1), &world.Framework{Number: 1}
	p.hold(true)
	p.putOffers(a, offers(2))
	for range 3 {
		if it, ok := p.tryTake(); ok {
			t.Fatalf("got %v while offers are held", it)
		}
		p.putStatus(a, &mesos.TaskStatus{})
		if it, ok := p.tryTake(); !ok || it.statuses == nil {
			t.Fatalf("got %v, want the update", it)
		}
		p.done(a)
	}
	p.tryTake()
	if len(p.parked) != 1 {
		t.Errorf("a framework is parked %d times", len(p.parked))
	}
	p.hold(false)
	if _, ok := p.tryTake(); !ok {
		t.Error("the framework is forgotten")
	}
	if it, ok := p.tryTake(); ok {
		t.Errorf("got %v while the framework has a call in flight", it)
	}
}

// A framework acknowledges what has come, up to a bound, in one turn.
func TestAcknowledgementsGoTogether(t *testing.T) {
	p, a := newPool(3), &world.Framework{Number: 1}
	for range 5 {
		p.putStatus(a, &mesos.TaskStatus{})
	}
	for _, want := range []int{3, 2} {
		if it, ok := p.tryTake(); !ok || len(it.statuses) != want {
			t.Fatalf("got %d updates, want %d", len(it.statuses), want)
		}
		p.done(a)
	}
}

func TestTakeEndsWhenThePoolIsClosed(t *testing.T) {
	p := newPool(1)
	ended := make(chan bool)
	go func() { _, ok := p.take(); ended <- ok }()
	p.close()
	if <-ended {
		t.Error("an empty pool gave an item")
	}
}

func TestChoose(t *testing.T) {
	all := cases(5000, []codec.Type{codec.Protobuf, codec.JSON})
	for _, c := range []struct {
		names []string
		want  int
	}{{nil, 14}, {[]string{"accept-1"}, 2}, {[]string{"accept-1/json", "decline"}, 3}, {[]string{"no"}, 0}} {
		got, err := choose(all, c.names)
		if len(got) != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%v: got %d cases and %v, want %d", c.names, len(got), err, c.want)
		}
	}
}

func TestMedians(t *testing.T) {
	got := medians([]Row{{CallsPerSecond: 3, P99: 1}, {CallsPerSecond: 1, P99: 2}, {CallsPerSecond: 2, P99: 3}})
	if got.CallsPerSecond != 2 || got.P99 != 2 {
		t.Errorf("got %+v", got)
	}
}
