package core

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

func limitOf(v float64) *mesos.Value_Scalar { return &mesos.Value_Scalar{Value: &v} }

// resize asks for bounds of the world's first task and returns the limits that the kernel
// is to have, and the answer so far.
func (w *world) resize(token Token, task string, limits map[string]*mesos.Value_Scalar, block ...*record.BlockLimit) (asked []Resize, replies []string) {
	before := len(w.replies)
	w.core.Step(w.now, ResizeTask{Token: token, Framework: "F", Task: task, Limits: limits, Block: block, SetBlock: block != nil})
	return w.resizes(), w.replies[before:]
}

// resizes carries out what the core wants and returns the changes of limits in it.
func (w *world) resizes() (asked []Resize) {
	for _, e := range w.core.out.Effects {
		if r, ok := e.(Resize); ok {
			asked = append(asked, r)
		}
	}
	w.turn(-1)
	return asked
}

// The bounds of a running task change when the kernel has taken them, and last; what it
// refuses is as it was.
func TestBoundsOfARunningTask(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	if _, replies := w.resize(1, "cmd0", nil); len(replies) != 1 || !strings.HasPrefix(replies[0], "409") {
		t.Errorf("before it runs: got %q, want 409", replies)
	}
	w.startOne(0, false)
	w.rest()
	for want, limits := range map[string]map[string]*mesos.Value_Scalar{
		"400 limit of \"disk\"": {"disk": limitOf(1)},
		"400 limit of cpus":     {"cpus": limitOf(math.NaN())},
		"400 limit of mem":      {"mem": limitOf(-1)},
	} {
		if asked, replies := w.resize(2, "cmd0", limits); len(asked) > 0 || len(replies) != 1 || !strings.HasPrefix(replies[0], want) {
			t.Errorf("%v: got %v, %q; want %q", limits, asked, replies, want)
		}
	}
	if _, replies := w.resize(3, "nobody", nil); len(replies) != 1 || !strings.HasPrefix(replies[0], "404") {
		t.Errorf("got %q, want 404", replies)
	}

	asked, replies := w.resize(4, "cmd0", map[string]*mesos.Value_Scalar{"cpus": limitOf(2), "mem": limitOf(100)},
		&record.BlockLimit{Major: new(uint32(8)), Minor: new(uint32(0)), ReadBytes: new(int64(1000))})
	if len(asked) != 1 || len(replies) != 0 {
		t.Fatalf("got %+v, %q; want the kernel to be asked first", asked, replies)
	}
	if l := asked[0].Limits; l.QuotaMilli != 2000 || l.MemBytes != 100<<20 || len(l.Block) != 1 || l.Block[0].ReadBytes != 1000 || asked[0].Token != 4 {
		t.Errorf("got %+v", asked[0])
	}
	before := len(w.replies)
	w.core.Step(w.now, Resized{Token: 4})
	w.turn(-1)
	if got := w.replies[before:]; len(got) != 1 || got[0] != "200" {
		t.Errorf("got %q, want 200", got)
	}

	// One that is refused: the bounds before it hold, also in the kernel.
	if asked, _ = w.resize(5, "cmd0", map[string]*mesos.Value_Scalar{"mem": limitOf(math.Inf(1))}); len(asked) != 1 || asked[0].Limits.MemBytes != 0 || asked[0].Limits.QuotaMilli != 2000 {
		t.Errorf("got %+v, want no bound of memory", asked)
	}
	before = len(w.replies)
	w.core.Step(w.now, Resized{Token: 5, Message: "no"})
	if asked := w.resizes(); len(asked) != 1 || asked[0].Limits.MemBytes != 100<<20 || asked[0].Token != 0 {
		t.Errorf("got %+v, want the old bound again", asked)
	}
	if got := w.replies[before:]; len(got) != 1 || got[0] != "409 no" {
		t.Errorf("got %q, want 409", got)
	}

	// They outlive the agent, which brings them to the kernel once more.
	w.die()
	w.boot()
	task := w.core.frameworks["F"].tasks["cmd0"]
	if l := w.core.limits(task.ct); l.MemBytes != 100<<20 || l.QuotaMilli != 2000 || len(l.Block) != 1 {
		t.Errorf("after a restart: got %+v", l)
	}
	if shown := w.core.taskMessage(task).Limits["mem"].GetValue(); shown != 100 {
		t.Errorf("shown with %g MiB, want 100", shown)
	}
	// Taken back.
	if asked, _ = w.resize(6, "cmd0", map[string]*mesos.Value_Scalar{"mem": nil, "cpus": nil}, []*record.BlockLimit{}...); len(asked) != 1 || asked[0].Limits.QuotaMilli != 0 || len(asked[0].Limits.Block) != 0 {
		t.Errorf("got %+v, want the bounds of its request", asked)
	}
}

// The class of a task's packets is in its updates, also after a restart.
func TestUpdatesTellTheNetClass(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.rest()
	l := w.launching[0]
	w.launching = nil
	w.procs[l.ID] = &simProcess{pid: 77, alive: true}
	w.core.Step(w.now, Started{ID: l.ID, Pid: 77, StartTicks: 77, NetClass: 0x10002})
	w.turn(-1)
	w.die()
	w.boot()
	task := w.core.frameworks["F"].tasks["cmd0"]
	if got := w.core.containerStatus(task, mesos.TaskState_TASK_RUNNING).GetCgroupInfo().GetNetCls().GetClassid(); got != 0x10002 {
		t.Errorf("got class %#x, want 0x10002", got)
	}
}

// What tasks in one container may transfer adds up; one without a bound lifts it.
func TestBlockBoundsAddUp(t *testing.T) {
	of := func(list ...*record.BlockLimit) *task {
		return &task{prog: &record.Progress{Bounds: &record.Bounds{Block: list}}}
	}
	limit := func(minor uint32, read, write int64) *record.BlockLimit {
		return &record.BlockLimit{Major: new(uint32(8)), Minor: &minor, ReadBytes: &read, WriteBytes: &write}
	}
	a, b := of(limit(0, 10, 1), limit(1, 5, 5)), of(limit(0, 20, 0), limit(2, 1, 1))
	if got := blockBudget([]*task{a}); !slices.Equal(got, []BlockLimit{{Major: 8, ReadBytes: 10, WriteBytes: 1}, {Major: 8, Minor: 1, ReadBytes: 5, WriteBytes: 5}}) {
		t.Errorf("got %+v", got)
	}
	if got := blockBudget([]*task{a, b}); !slices.Equal(got, []BlockLimit{{Major: 8, ReadBytes: 30}}) {
		t.Errorf("got %+v, want reads of one device bounded", got)
	}
	if got := blockBudget([]*task{a, of()}); len(got) != 0 {
		t.Errorf("got %+v, want no bounds", got)
	}
	if got := blockBudget(nil); len(got) != 0 {
		t.Errorf("got %+v of nobody", got)
	}
}
