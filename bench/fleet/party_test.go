package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/caprock/caprock/bench/workload"
	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/mesos"
)

func group(t *testing.T, text string) *workload.Group {
	t.Helper()
	w, err := workload.Parse("f", []byte("[fleet]\nagents = 5\n[[frameworks]]\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return &w.Groups[0]
}

func offer(agent string, cpus, mem float64) *mesos.Offer {
	scalar := func(name string, v float64) *mesos.Resource {
		return &mesos.Resource{Name: &name, Scalar: &mesos.Value_Scalar{Value: &v}}
	}
	return &mesos.Offer{AgentId: &mesos.AgentID{Value: &agent}, Resources: []*mesos.Resource{scalar("cpus", cpus), scalar("mem", mem)}}
}

func TestServicesWantNoMoreThanTheyHold(t *testing.T) {
	p := newParty(group(t, "kind = \"service\"\ncpus = 1\nmem_mib = 1\nmost = 7"), 0, 1, false)
	f := &world.Framework{}
	for i, want := range []int{7, 3, 0} {
		if got := p.choose(f, offer("a", 100, 100)); len(got) != want {
			t.Errorf("offer %d: %d tasks are launched, want %d of 10 in all", i, len(got), want)
		} else if want > 0 && got[0].Sleep != 0 {
			t.Error("a service's task ends")
		}
	}
	if !p.content() {
		t.Error("it wants more")
	}
}

func TestPickyFrameworksTakeTheSameAgentsEachTime(t *testing.T) {
	p := newParty(group(t, "kind = \"picky\""), 0, 1, false)
	taken := 0
	for i := range 1000 {
		agent := time.Duration(i).String()
		wanted := p.wants(agent)
		if p.wants(agent) != wanted {
			t.Fatal("an agent is wanted and then not")
		}
		if wanted {
			taken++
		}
	}
	if taken < 180 || taken > 320 {
		t.Errorf("%d of 1000 agents are wanted, want about a quarter", taken)
	}
	if d := newParty(group(t, "kind = \"declining\""), 0, 1, false); d.choose(&world.Framework{}, offer("a", 100, 1e6)) != nil {
		t.Error("who declines everything took an offer")
	}
}

func TestTheSameSeedGivesTheSameLengths(t *testing.T) {
	lengths := func(seed int64) (all [50]time.Duration) {
		p := newParty(group(t, "kind = \"batch\"\ntask_time = \"10s\"\nspread = 0.3"), 2, seed, false)
		for i := range all {
			if all[i] = p.length(); all[i] < 7*time.Second || all[i] > 13*time.Second {
				t.Errorf("a task takes %v, want 7s to 13s", all[i])
			}
		}
		return all
	}
	if first := lengths(1); lengths(1) != first || lengths(2) == first {
		t.Error("want the same lengths of the same seed and others of another")
	}
}

func TestBooksFollowTasks(t *testing.T) {
	var b books
	began := time.Unix(1000, 0)
	a := world.Amount{CPUs: 2, MemMiB: 8}
	b.note("t", a, began)
	for i, c := range []struct {
		state   mesos.TaskState
		want    outcome
		running int64
	}{
		{mesos.TaskState_TASK_STARTING, nothing, 0},
		{mesos.TaskState_TASK_RUNNING, started, 1},
		{mesos.TaskState_TASK_RUNNING, nothing, 1},
		{mesos.TaskState_TASK_UNREACHABLE, nothing, 0},
		{mesos.TaskState_TASK_RUNNING, nothing, 1},
		{mesos.TaskState_TASK_FINISHED, ended, 0},
		{mesos.TaskState_TASK_FINISHED, nothing, 0},
	} {
		got, wanted := b.update("t", c.state, began.Add(3*time.Second))
		sum, running := b.runs()
		if got != c.want || running != c.running || sum.CPUs != 2*float64(running) || got == started && wanted != 3*time.Second {
			t.Errorf("update %d, %v: got %d, %v, %d running, %v", i, c.state, got, wanted, running, sum)
		}
	}
	b.note("u", a, began)
	if got, _ := b.update("u", mesos.TaskState_TASK_ERROR, began); got != failed {
		t.Errorf("a task that never ran is %d, want failed", got)
	}
	if sum, n := b.held(); n != 0 || sum != (world.Amount{}) {
		t.Errorf("%d tasks of %v are held", n, sum)
	}
}

func TestSeatsGiveWhatFitsAndKeepTheOrderOfTheRest(t *testing.T) {
	s := &seat{awake: true}
	for i := range 5 {
		s.arrive(arrival{Amount: world.Amount{CPUs: float64(5 - i)}})
	}
	var got []float64
	room := world.Room{Free: world.Amount{CPUs: 7}}
	s.give(&room, 3, func(a arrival, _ bool) { got = append(got, a.CPUs) })
	if len(got) != 2 || got[0] != 5 || got[1] != 2 {
		t.Errorf("got tasks of %v CPUs, want 5 and then, past those that do not fit, 2", got)
	}
	if sum, n := s.waits(); n != 3 || sum.CPUs != 8 || s.waiting[0].CPUs != 4 || s.waiting[2].CPUs != 1 {
		t.Errorf("%d wait with %v: %v", n, sum, s.waiting)
	}
	for range manyWaiting + 5 {
		s.arrive(arrival{})
	}
	if _, n := s.waits(); n != manyWaiting {
		t.Errorf("%d wait, want at most %d", n, manyWaiting)
	}
}

func TestReplayKeepsTheOrderAndGoesOnInTheNextPhase(t *testing.T) {
	p := newParty(group(t, "kind = \"batch\""), 0, 1, true)
	f := &world.Framework{}
	p.frameworks = &world.Frameworks{All: []*world.Framework{f}}
	seats := map[*world.Framework]*seat{f: {awake: true}}
	p.seats.Store(&seats)
	r := &Replay{Arrivals: []Arrival{{Amount: world.Amount{CPUs: 1}}, {At: time.Hour, Amount: world.Amount{CPUs: 2}}}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r.play(ctx, []*party{p})
	if sum, n := p.waits(); n != 1 || sum.CPUs != 1 || r.next != 1 {
		t.Errorf("%d have arrived, want the first", n)
	}
	r.began = r.began.Add(-2 * time.Hour)
	r.play(t.Context(), []*party{p})
	if sum, n := p.waits(); n != 2 || sum.CPUs != 3 {
		t.Errorf("%d have arrived, want both", n)
	}
}
