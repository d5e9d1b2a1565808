package alloc_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/core"
)

// metric waits until a metric has a value.
func (r *service) metric(name string, want float64) {
	r.t.Helper()
	var got any
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got = at(r.get("/metrics/snapshot"), name); got == want {
			return
		}
	}
	r.t.Errorf("%s is %v, want %v", name, got, want)
}

// What Mesos' tests of the allocator's metrics check: resources before and after there
// are any, quotas, filters in force, dominant shares, runs and how long they take.
func TestMetricsOfTheAllocator(t *testing.T) {
	r := start(t, t.TempDir())
	r.metric("allocator/mesos/resources/cpus/total", 0)
	r.metric("allocator/mesos/resources/cpus/offered_or_allocated", 0)
	a := r.dial("", 0)
	r.metric("allocator/mesos/resources/cpus/total", 8)
	r.metric("allocator/mesos/resources/mem/total", 8192)
	r.metric("allocator/mesos/resources/cpus/offered_or_allocated", 0)
	f := r.subscribe("")
	offer, _ := f.offer()
	r.metric("allocator/mesos/resources/cpus/offered_or_allocated", 8)
	r.metric("allocator/mesos/roles/r/shares/dominant", 1)
	r.metric("allocator/mesos/offer_filters/roles/r/active", 0)

	f.call("DECLINE", fmt.Sprintf(`{"offer_ids":[{"value":"%s"}],"filters":{"refuse_seconds":1000}}`, offer))
	r.metric("allocator/mesos/offer_filters/roles/r/active", 1)
	r.metric("allocator/mesos/roles/r/shares/dominant", 0)
	if status, body := r.post("/api/v1", `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r",
		"guarantees":{"cpus":{"value":2}},"limits":{"cpus":{"value":4},"mem":{"value":1024}}}]}}`); status != 200 {
		t.Fatalf("UPDATE_QUOTA: status %d: %s", status, body)
	}
	r.metric("allocator/mesos/quota/roles/r/resources/cpus/guarantee", 2)
	r.metric("allocator/mesos/quota/roles/r/resources/cpus/limit", 4)
	r.metric("allocator/mesos/quota/roles/r/resources/mem/limit", 1024)

	f.call("REVIVE", `{}`)
	r.metric("allocator/mesos/offer_filters/roles/r/active", 0)
	f.launch("t1")
	a.launchOf("t1")
	r.metric("allocator/mesos/quota/roles/r/resources/cpus/consumed", 1)

	all := r.get("/metrics/snapshot").(map[string]any)
	for _, name := range []string{
		"allocator/mesos/allocation_runs", "allocator/mesos/allocation_run_ms/count", "allocator/mesos/allocation_run_latency_ms/count",
	} {
		if n, _ := all[name].(float64); n < 1 {
			t.Errorf("%s is %v, want at least 1", name, all[name])
		}
	}
	for _, name := range []string{"allocation_run_ms", "allocation_run_latency_ms"} {
		for _, part := range []string{"", "/min", "/max", "/p50", "/p90", "/p95", "/p99", "/p999", "/p9999"} {
			if _, ok := all["allocator/mesos/"+name+part]; !ok {
				t.Errorf("there is no allocator/mesos/%s%s", name, part)
			}
		}
	}
}

// Who watches an allocator must be able to look up what a number says.
func TestOwnMetricsAreToldOf(t *testing.T) {
	text, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for name := range start(t, t.TempDir()).get("/metrics/snapshot").(map[string]any) {
		if !strings.HasPrefix(name, "caprock/") {
			continue
		}
		own++
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s is not told of in docs/operating.md", name)
		}
	}
	if own < 20 {
		t.Errorf("got %d metrics of Caprock's own, want many", own)
	}
}

// A resource that fair sharing does not look at makes no share.
func TestDominantShareWithoutExcludedResources(t *testing.T) {
	r := startWith(t, t.TempDir(), core.Options{AllocationInterval: 20 * time.Millisecond, ExcludeNames: []string{"mem", "disk"}})
	a := r.dial("", 0)
	f := r.subscribe("")
	f.launch("t1") // cpus 1 of 8, mem 64 of 8192
	a.launchOf("t1")
	offer, _ := f.offer()
	f.call("DECLINE", fmt.Sprintf(`{"offer_ids":[{"value":"%s"}],"filters":{"refuse_seconds":1000}}`, offer))
	r.metric("allocator/mesos/roles/r/shares/dominant", 1.0/8)
}
