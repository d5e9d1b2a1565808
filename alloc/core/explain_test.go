package core

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
)

// explainWorld has a framework, some agents that it has refused, and quotas.
func explainWorld(t testing.TB, agents, quotas int) (w *world, cmd *Explain) {
	w = newWorld(t)
	w.quiet = true
	execute := func(line string) {
		if _, err := w.execute(line); err != nil {
			t.Fatal(err)
		}
	}
	execute("subscribe f1 failover=1000")
	for i := range quotas {
		execute(fmt.Sprintf(`operator {"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"q%d","limits":{"cpus":{"value":1}}}]}}`, i))
	}
	for i := range agents {
		execute(fmt.Sprintf("agent a%d cpus:8;mem:1024", i))
	}
	execute("tick 1s")
	cmd = &Explain{Framework: w.frameworks["f1"].id, Roles: frameworkRoles(w.frameworks["f1"].info), Reply: 1}
	for i := range agents {
		cmd.Agents = append(cmd.Agents, w.agents[fmt.Sprintf("a%d", i)].id)
	}
	return w, cmd
}

// An explanation changes nothing: neither what is durable nor what is offered next.
func TestExplainChangesNothing(t *testing.T) {
	w, cmd := explainWorld(t, 3, 2)
	before := w.core.Hash()
	w.out.Reset()
	w.core.Step(w.now, cmd, &w.out)
	if len(w.out.Records) != 0 || len(w.out.Changed) != 0 || len(w.out.Effects) != 1 || w.core.Hash() != before {
		t.Fatalf("an explanation led to %+v", w.out)
	}
	answer := w.out.Effects[0].(*Answered)
	if got := answer.Value.([]cycle.Explanation); len(got) != 3 || got[2].Reason != cycle.NothingAvailable {
		t.Fatalf("got %+v, want that everything of 3 agents is offered", answer)
	}
	if w.core.engine.a.Dirty() {
		t.Fatal("an explanation asks for a cycle")
	}
}

// BenchmarkExplain measures what an explanation keeps the loop for.
func BenchmarkExplain(b *testing.B) {
	for _, quotas := range []int{0, 100} {
		b.Run(fmt.Sprintf("quotas=%d", quotas), func(b *testing.B) {
			w, cmd := explainWorld(b, 256, quotas)
			for b.Loop() {
				w.out.Reset()
				w.core.Step(w.now, cmd, &w.out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*256), "ns/pair")
		})
	}
}
