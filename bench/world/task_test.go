package world

import (
	"testing"

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
