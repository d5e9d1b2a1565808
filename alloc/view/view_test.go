package view

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
)

func taskID(n int) record.ID {
	return record.ID{Kind: record.KindTask, Parts: [3]string{"f", fmt.Sprint(n)}}
}

func role(name string, weight float64) core.Change {
	return core.Change{
		ID:     record.ID{Kind: record.KindRole, Parts: [3]string{name}},
		Entity: &core.Role{Rec: &record.Role{Name: &name, Weight: &weight}},
	}
}

func gone(c core.Change) core.Change { return core.Change{ID: c.ID} }

func weights(s *Snapshot) (out []string) {
	for r := range s.Roles.All() {
		out = append(out, fmt.Sprintf("%s=%g", r.Rec.GetName(), r.Rec.GetWeight()))
	}
	return out
}

func TestSnapshotsStayAsTheyWere(t *testing.T) {
	var v View
	v.Publish([]core.Change{role("a", 1), role("b", 1), role("c", 1)})
	first := v.Snapshot()
	if again := v.Snapshot(); again != first {
		t.Fatal("two snapshots without a change in between differ")
	}
	v.Publish([]core.Change{role("b", 2), gone(role("a", 0)), role("d", 1), gone(role("never", 0))})
	second := v.Snapshot()
	v.Publish([]core.Change{role("b", 3)})

	for _, c := range []struct {
		s    *Snapshot
		want []string
	}{
		{first, []string{"a=1", "b=1", "c=1"}},
		{second, []string{"d=1", "b=2", "c=1"}},
		{v.Snapshot(), []string{"d=1", "b=3", "c=1"}},
	} {
		if got := weights(c.s); !slices.Equal(got, c.want) || c.s.Roles.Len() != len(got) {
			t.Errorf("snapshot holds %v (%d), wanted %v", got, c.s.Roles.Len(), c.want)
		}
	}
}

// Random histories against a plain map, with snapshots kept and compared at
// the end: none may have changed.
func TestSnapshotsAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var v View
		model := map[record.ID]*core.Task{}
		type kept struct {
			s    *Snapshot
			want map[*core.Task]bool
		}
		var all []kept
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var changes []core.Change
			for range rapid.IntRange(0, 400).Draw(t, "changes") {
				id := taskID(rapid.IntRange(0, 600).Draw(t, "task"))
				if rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
					delete(model, id)
					changes = append(changes, core.Change{ID: id})
				} else {
					task := &core.Task{}
					model[id] = task
					changes = append(changes, core.Change{ID: id, Entity: task})
				}
			}
			v.Publish(changes)
			if rapid.Bool().Draw(t, "look") {
				want := map[*core.Task]bool{}
				for _, task := range model {
					want[task] = true
				}
				all = append(all, kept{v.Snapshot(), want})
			}
		}
		for i, k := range all {
			n := 0
			for task := range k.s.Tasks.All() {
				if !k.want[task] {
					t.Fatalf("snapshot %d of %d shows a task that was not there", i, len(all))
				}
				n++
			}
			if n != len(k.want) || k.s.Tasks.Len() != n {
				t.Fatalf("snapshot %d shows %d tasks and counts %d, wanted %d", i, n, k.s.Tasks.Len(), len(k.want))
			}
		}
	})
}

func TestReadersAndTheWriterAtOnce(t *testing.T) {
	var v View
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// The writer keeps all weights of a snapshot equal.
				seen := map[float64]bool{}
				for r := range v.Snapshot().Roles.All() {
					seen[r.Rec.GetWeight()] = true
				}
				if len(seen) > 1 {
					t.Errorf("a snapshot shows weights of different moments: %v", seen)
					return
				}
			}
		})
	}
	for round := range 300 {
		var changes []core.Change
		for i := range 1000 {
			changes = append(changes, role(fmt.Sprint(i), float64(round)))
		}
		v.Publish(changes)
	}
	close(stop)
	wg.Wait()
}

func TestCurrentEntities(t *testing.T) {
	var v View
	task, framework, agent := &core.Task{}, &core.Framework{}, &core.Agent{}
	v.Publish([]core.Change{
		{ID: taskID(1), Entity: task},
		{ID: record.ID{Kind: record.KindFramework, Parts: [3]string{"f"}}, Entity: framework},
		{ID: record.ID{Kind: record.KindAgent, Parts: [3]string{"a"}}, Entity: agent},
		{ID: record.ID{Kind: record.KindMaintenance}, Entity: &core.Maintenance{}},
	})
	if v.Task("f", "1") != task || v.Task("f", "2") != nil || v.Framework("f") != framework || v.Agent("a") != agent {
		t.Fatal("lookups do not give what was published")
	}
	if v.Snapshot().Maintenance == nil {
		t.Fatal("maintenance was not published")
	}
}

func TestUnknownKindsAreABug(t *testing.T) {
	for _, c := range []core.Change{
		{ID: record.ID{Kind: record.KindMeta}},
		{ID: taskID(1), Entity: &core.Agent{}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was published", c)
				}
			}()
			new(View).Publish([]core.Change{c})
		}()
	}
}

func BenchmarkSnapshotOf500kTasksWhileTheyChange(b *testing.B) {
	var v View
	changes := make([]core.Change, 500_000)
	for i := range changes {
		changes[i] = core.Change{ID: taskID(i), Entity: &core.Task{}}
	}
	v.Publish(changes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v.Publish(changes[i%len(changes) : i%len(changes)+1])
		v.Snapshot()
	}
}

func BenchmarkPublish(b *testing.B) {
	var v View
	changes := make([]core.Change, 10_000)
	for i := range changes {
		changes[i] = core.Change{ID: taskID(i), Entity: &core.Task{}}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i += 100 {
		v.Publish(changes[i%10_000 : i%10_000+100])
	}
}

func TestKeysTellPartsApart(t *testing.T) {
	seen := map[slotKey]record.ID{}
	for _, id := range []record.ID{
		{}, {Number: 1}, {Number: 2}, {Parts: [3]string{"a"}}, {Parts: [3]string{"", "a"}}, {Parts: [3]string{"", "", "a"}},
		{Parts: [3]string{"a", "b"}}, {Parts: [3]string{"b", "a"}}, {Parts: [3]string{"ab"}}, {Parts: [3]string{"", "ab"}},
		{Parts: [3]string{"a", "a"}}, {Parts: [3]string{"a", "", "a"}}, {Parts: [3]string{"a"}, Number: 1},
	} {
		k := keyOf(id)
		if other, ok := seen[k]; ok {
			t.Errorf("%v and %v have one key", id, other)
		}
		seen[k] = id
	}
}

func TestPublishingWhatIsKnownAllocatesNothing(t *testing.T) {
	var v View
	changes := make([]core.Change, 2000)
	for i := range 1000 {
		changes[i], changes[1000+i] = core.Change{ID: taskID(i), Entity: &core.Task{}}, core.Change{ID: taskID(i)}
	}
	v.Publish(changes)
	if n := testing.AllocsPerRun(20, func() { v.Publish(changes) }); n != 0 {
		t.Errorf("a thousand tasks that come and go cost %v allocations, want 0", n)
	}
}

// BenchmarkOffersComeAndGo is what a cycle that offers everything costs here, and the
// declines after it: in the order of the engine one way, in another order back.
func BenchmarkOffersComeAndGo(b *testing.B) {
	const n = 50_000
	var v View
	made, gone := make([]core.Change, n), make([]core.Change, n)
	for i := range made {
		id := record.ID{Kind: record.KindOffer, Parts: [3]string{fmt.Sprintf("6ba7b810-9dad-11d1-80b4-00c04fd430c8-O%d", i)}}
		made[i] = core.Change{ID: id, Entity: &core.Offer{}}
		gone[i*7919%n] = core.Change{ID: id}
	}
	b.ReportAllocs()
	for b.Loop() {
		v.Publish(made)
		v.Publish(gone)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/offer")
}
