package cycle

import (
	"fmt"
	"sync"
	"testing"

	"github.com/caprock/caprock/alloc/drf"
)

// Usage may be asked for while the allocator works. Run with -race.
func TestUsageIsSafeBesideCycles(t *testing.T) {
	c := newCluster(t, Options{Shards: 4})
	c.framework("f1", "a")
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				total, available := c.a.Usage()
				if len(total) != len(available) {
					t.Errorf("%d totals and %d available", len(total), len(available))
					return
				}
			}
		})
	}
	for i := range 300 {
		c.agent(fmt.Sprintf("a%d", i), fmt.Sprintf("cpus:1;mem:100;custom%d:1;cpus(s:a):1", i%7))
		c.tick()
		c.declineAll(&Filter{RefuseSeconds: 1})
		if i%10 == 9 {
			c.must(c.a.RemoveAgent(fmt.Sprintf("a%d", i)))
		}
	}
	close(stop)
	readers.Wait()
	if total, _ := c.a.Usage(); total[drf.DimCPUs] != 270000 {
		t.Errorf("%d milli cpus in all, want 270000", total[drf.DimCPUs])
	}
}
