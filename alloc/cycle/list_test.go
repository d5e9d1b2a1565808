package cycle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// Equal offers share a list, others don't, however their resources are stored; with more shapes
// than the table has room for all lists are still right.
func TestListsAreSharedByEqualOffers(t *testing.T) {
	shapes := []string{
		"cpus:4;mem:64", "cpus:4;mem:65", "cpus:64;mem:4", "mem:64", "cpus:4;disk:64",
		"cpus:4;mem:64;ports:[1-5]", "cpus:4;mem:64;ports:[1-2,4-5]", "cpus:4;mem:64;other:[1-5]",
		"cpus:4;mem:64;nics:{a,b}", "cpus:4;mem:64;nics:{a,c}", "cpus:4;mem:64;mem(s:r0):64", "cpus:4;widgets:64",
	}
	long := "cpus:1;ports:["
	for i := range 40 {
		long += fmt.Sprintf("%d-%d,", 10*i, 10*i+5)
	}
	shapes = append(shapes, long+"500-501]", strings.Replace(long, "200-205", "200-204", 1)+"500-501]")
	c := newCluster(t, Options{})
	c.framework("f0", "r0")
	c.framework("f1", "r1")
	for i := range 20 {
		for j, s := range shapes {
			c.agent(fmt.Sprintf("a%d-%d", j, i), s)
		}
	}
	for cycle := range 5 {
		if cycle == 2 {
			for i := range 3 * maxListPlaces / 2 {
				c.agent(fmt.Sprintf("b%d", i), fmt.Sprintf("cpus:1;mem:%d", 1000+i))
			}
		}
		c.now += 1e9
		c.a.RunCycle(c.now, &c.res)
		byText := map[string]*List{}
		for i := range c.res.Offers {
			o := &c.res.Offers[i]
			l := o.List()
			if want := l.materialize(); !l.Resources().Equal(want) || !sameEntries(l.Resources(), want) {
				t.Fatalf("cycle %d, agent %s: got %s, want %s", cycle, o.Agent(), l.Resources(), want)
			}
			text := o.Role() + l.Resources().String()
			if other := byText[text]; cycle < 2 && other != nil && other != l {
				t.Errorf("agent %s: %s has two lists", o.Agent(), text)
			}
			byText[text] = l
		}
		if n := len(c.a.lists.entries); n > maxListPlaces {
			t.Errorf("got a table of %d places, want at most %d", n, maxListPlaces)
		}
		c.declineAll(nil)
	}
}

// Lists that nobody offers any more are let go.
func TestUnusedListsAreForgotten(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("f", "r")
	c.agent("a", "cpus:4;mem:64")
	c.run()
	held := func() (n int) {
		for i := range c.a.lists.entries {
			if c.a.lists.entries[i] != nil {
				n++
			}
		}
		return n
	}
	if held() != 1 {
		t.Fatalf("got %d lists, want 1", held())
	}
	for range 2*listSweep + 1 {
		c.a.lists.nextCycle()
	}
	if held() != 0 {
		t.Errorf("got %d lists after %d cycles without offers, want 0", held(), 2*listSweep+1)
	}
}

func TestKnownListsAllocateNothing(t *testing.T) {
	c := newCluster(t, Options{})
	c.framework("f", "r")
	c.agents(50, "cpus:4;mem:4096;nics:{a,b};ports:[31000-32000]")
	c.run()
	made := 0
	messages := func(rs resource.Resources, f resource.Format) []*mesos.Resource { made++; return rs.ToProto(f) }
	n := testing.AllocsPerRun(20, func() {
		for i := range c.res.Offers {
			l := c.res.Offers[i].List()
			for _, f := range []resource.Format{resource.PostRefinement, resource.PreRefinement, resource.Endpoint} {
				for _, f := range []resource.Format{f, f.WithoutAllocation()} {
					if got := l.Messages(f, messages); len(got) != 4 {
						t.Fatalf("got %d messages, want 4", len(got))
					}
				}
			}
		}
	})
	if n != 0 || made != 6 {
		t.Errorf("got %v allocations and %d conversions, want none and 6", n, made)
	}
}

// What the lists of all offers cost when agents are equal, when all differ, and without a table.
func BenchmarkLists(b *testing.B) {
	for _, agents := range []string{"equal", "different"} {
		c := newCluster(b, Options{})
		c.framework("f", "r")
		for i := range 50000 {
			mem := 4096
			if agents == "different" {
				mem += i
			}
			c.agent(fmt.Sprintf("a%d", i), fmt.Sprintf("cpus:24;mem:%d;disk:4096;ports:[31000-32000]", mem))
		}
		for range 3 {
			c.now += 1e9
			c.run()
			c.declineAll(nil)
		}
		c.now += 1e9
		c.a.RunCycle(c.now, &c.res)
		for name, list := range map[string]func(*List) resource.Resources{
			"table": func(l *List) resource.Resources { return c.a.listFor(c.a.roleIDs["r"], l.plain, l.rest).Resources() },
			"none":  (*List).materialize,
		} {
			b.Run(agents+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					for i := range c.res.Offers {
						list(c.res.Offers[i].list)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(c.res.Offers)), "ns/offer")
			})
		}
	}
}
