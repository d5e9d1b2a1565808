package world

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

func TestTasksThatFit(t *testing.T) {
	for _, c := range []struct {
		resources string
		most      int
		want      int
	}{
		{"cpus:64;mem:1024", 100, 100},
		{"cpus:0.3;mem:1024", 100, 30},
		{"cpus:0.07;mem:1024", 100, 7},
		{"cpus:64;mem:11", 100, 2},
		{"cpus:64", 100, 0},
		{"mem:4;disk:10", 100, 0},
	} {
		rs, err := resource.Parse(c.resources, "*")
		if err != nil {
			t.Fatal(err)
		}
		if got := TasksThatFit(&mesos.Offer{Resources: rs.ToProto(resource.PostRefinement)}, c.most); got != c.want {
			t.Errorf("%s: %d tasks fit, want %d", c.resources, got, c.want)
		}
	}
	one, err := resource.Parse(TaskResources, "*")
	if err != nil {
		t.Fatal(err)
	}
	if got := TasksThatFit(&mesos.Offer{Resources: one.ToProto(resource.PostRefinement)}, 5); got != 1 {
		t.Errorf("%d tasks fit into what one uses", got)
	}
}

// What a task has left that is found running is what the rule for rests says: looked at
// at a random moment, in a long row of tasks one after the other.
func TestTasksThatBeganEarlier(t *testing.T) {
	for _, spread := range []float64{0, .5, .577, .9} {
		task := &Task{Sleep: 30 * time.Second, Spread: spread}
		rng := rand.New(rand.NewPCG(1, 2))
		found := make([]float64, 0, 200_000)
		for end, at := 0.0, 0.0; len(found) < cap(found); at += 17 * rng.Float64() {
			for end < at {
				end += 30 * (1 + spread*(2*rng.Float64()-1))
			}
			found = append(found, end-at)
		}
		slices.Sort(found)
		for _, part := range []float64{.01, .1, .25, .5, .75, .9, .99} {
			got, want := task.rest(part), found[int(part*float64(len(found)))]
			if math.Abs(got-want) > .5 {
				t.Errorf("spread %v: a part of %v of all has at most %.2f s left, want %.2f", spread, part, got, want)
			}
		}
		if least, most := task.rest(0), task.rest(1); math.Abs(least) > 1e-9 || math.Abs(most-30*(1+spread)) > 1e-6 {
			t.Errorf("spread %v: %v to %v s are left, want 0 to %v", spread, least, most, 30*(1+spread))
		}
	}
}

// The first tasks of a framework are those that began earlier.
func TestFirstTasksBeganEarlier(t *testing.T) {
	c, err := newCalls(codec.Protobuf, nil, "r", &Task{CPUs: 1, MemMiB: 1, Sleep: time.Hour, Running: 3}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		c.launched++
		length, ok := sleepTime(c.command().GetValue())
		if !ok || (length < time.Hour) != (n < 3) {
			t.Errorf("task %d sleeps for %v; the first three have less than an hour left, others an hour", n+1, length)
		}
	}
}
