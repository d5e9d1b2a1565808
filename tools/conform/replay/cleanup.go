package replay

import (
	"context"
	"fmt"
	"os"
	"sort"
	"time"
)

// finish closes what is still open and leaves the cluster as free as it was:
// another world may be played on it.
func (r *runner) finish(ctx context.Context) {
	os.WriteFile(r.doneFile(), nil, 0o644)
	for _, s := range r.executors {
		s.close()
	}
	ended := map[string]bool{}
	for _, f := range r.frameworks {
		if f.liveFramework != "" && !ended[f.liveFramework] {
			ended[f.liveFramework] = true
			// Most are gone already, which is a refusal to ignore.
			_ = r.operatorCall(ctx, fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, f.liveFramework))
		}
	}
	for _, s := range r.streams {
		s.close()
	}
	if r.control == nil && r.target.Agent != "" {
		r.reactivate(ctx)
	}
}

// reactivate ends a drain that a recording leaves behind.
func (r *runner) reactivate(ctx context.Context) {
	for deadline := time.Now().Add(stepPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		slaves, err := get(ctx, r.target.Allocator, "/slaves")
		if err != nil {
			return
		}
		list := listAt(slaves, "slaves")
		if len(list) == 0 || at(list[0], "deactivated") != true {
			return
		}
		_ = r.operatorCall(ctx, fmt.Sprintf(`{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":%q}}}`, textAt(list[0], "id")))
	}
}

// operatorCall makes a call of the runner's own to the allocator.
func (r *runner) operatorCall(ctx context.Context, body string) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	m, err := roundTrip(ctx, r.target.Allocator, &Message{Line: "POST /api/v1 HTTP/1.1", Body: []byte(body), Headers: [][2]string{
		{"Host", r.target.Allocator}, {"Content-Type", "application/json"}, {"User-Agent", ownAgent}, {"Content-Length", fmt.Sprint(len(body))}}})
	if err == nil && m.Status() != 200 {
		err = fmt.Errorf("%s: got status %d, want 200", body, m.Status())
	}
	return err
}

// leastTracesFirst puts worlds that set quota, weights and reservations behind
// those that don't: on one cluster they would show in all that follow.
func leastTracesFirst(worlds []*World) []*World {
	sorted := append([]*World(nil), worlds...)
	sort.SliceStable(sorted, func(i, j int) bool { return !sorted[i].hasArea("-writes") && sorted[j].hasArea("-writes") })
	return sorted
}
