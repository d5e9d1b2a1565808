package resource

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestEqualMetadataIsOneKind(t *testing.T) {
	var wait sync.WaitGroup
	results := make([]Resources, 8)
	for i := range results {
		wait.Go(func() {
			rs, err := Parse("cpus:1;mem:2", "concurrent")
			if err == nil {
				results[i] = rs.Allocate("concurrent/x")
			}
		})
	}
	wait.Wait()
	for _, rs := range results {
		if len(rs) != 2 || rs[0].Kind != results[0][0].Kind || rs[1].Kind != results[0][1].Kind {
			t.Fatalf("%v and %v are of different kinds", rs, results[0])
		}
	}
	if results[0][0].Kind == results[0][1].Kind {
		t.Fatal("cpus and mem are of one kind")
	}
}

// Kinds that clients made up must not stay for ever.
func TestUnusedKindsAreForgotten(t *testing.T) {
	const many = 5000
	before := InternedKinds()
	kept := make([]Resources, 0, many)
	for i := range many {
		rs, err := Parse("cpus:1", fmt.Sprintf("fleeting%d", i))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, rs.Allocate("fleeting"))
	}
	if got := InternedKinds(); got < 2*many {
		t.Fatalf("%d kinds are interned, want at least %d", got, 2*many)
	}
	used := kept[0]
	runtime.KeepAlive(kept)
	kept = nil
	// Cleanups run some time after a collection.
	deadline := time.Now().Add(time.Minute)
	for InternedKinds() > before+many/10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d kinds are interned, %d before %d that nobody uses", InternedKinds(), before, 2*many)
		}
		runtime.GC()
		runtime.Gosched()
	}
	rs, err := Parse("cpus:1", "fleeting0")
	if err != nil {
		t.Fatal(err)
	}
	if rs.Allocate("fleeting")[0].Kind != used[0].Kind {
		t.Fatal("a kind that is in use was interned twice")
	}
}
