package core

import (
	"fmt"
	"slices"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Command tasks of a LAUNCH share frames of a bounded size; a task with an executor
// of its own goes alone, and the order stays that of the call.
func TestLaunchesShareFrames(t *testing.T) {
	for _, c := range []struct {
		name     string
		tasks    int
		change   func(i int, t *mesos.TaskInfo)
		perFrame []int
	}{
		{"few", 3, nil, []int{3}},
		{"many", 600, nil, []int{256, 256, 88}},
		{"executor between", 4, func(i int, t *mesos.TaskInfo) {
			if i == 2 {
				t.Command, t.Executor = nil, &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: ptr("e")},
					Command: &mesos.CommandInfo{Value: ptr("x")}, Resources: mustResources("cpus:0.1;mem:32")}
			}
		}, []int{2, 1, 1}},
		{"large", 4, func(i int, t *mesos.TaskInfo) { t.Data = make([]byte, 400<<10) }, []int{2, 2}},
		{"huge", 3, func(i int, t *mesos.TaskInfo) {
			if i == 1 {
				t.Data = make([]byte, 2<<20)
			}
		}, []int{1, 1, 1}},
		{"other resources", 3, func(i int, t *mesos.TaskInfo) { t.Resources = mustResources(fmt.Sprintf("cpus:%d;mem:1", 1+i/2)) }, []int{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, f, a := benchWorld(t)
			w.execute("tick 2s")
			op := &mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{}}
			for i := range c.tasks {
				info := commandTask(fmt.Sprintf("t%d", i), a.id, "cpus:0.01;mem:1")
				if c.change != nil {
					c.change(i, info)
				}
				op.Launch.TaskInfos = append(op.Launch.TaskInfos, info)
			}
			w.out.Reset()
			w.core.Step(w.now, &SchedulerCall{StreamID: f.streamID, Reply: 1, Call: &scheduler.Call{
				Type: scheduler.Call_ACCEPT.Enum(), FrameworkId: &mesos.FrameworkID{Value: &f.id},
				Accept: &scheduler.Call_Accept{OfferIds: f.takeOffers(), Operations: []*mesos.Offer_Operation{op}},
			}}, &w.out)
			var frames []int
			var order []string
			for _, e := range w.out.Effects {
				d, ok := e.(*Down)
				if !ok || d.Down.GetLaunch() == nil {
					continue
				}
				frames = append(frames, len(d.Down.GetLaunch().Tasks))
				for _, info := range d.Down.GetLaunch().Tasks {
					order = append(order, info.GetTaskId().GetValue())
					task := w.core.frameworks[f.id].tasks[info.GetTaskId().GetValue()]
					if task == nil {
						t.Fatalf("%s is ordered and not known", info.GetTaskId().GetValue())
					}
					want := op.Launch.TaskInfos[len(order)-1].Resources
					if got := task.Resources().ScalarMilli("cpus"); len(want) > 0 && got != int64(want[0].GetScalar().GetValue()*1000) {
						t.Errorf("%s has %d cpus, want %v", task.ID(), got, want[0])
					}
				}
			}
			if !slices.Equal(frames, c.perFrame) {
				t.Errorf("frames hold %v tasks, want %v", frames, c.perFrame)
			}
			for i, id := range order {
				if id != fmt.Sprintf("t%d", i) {
					t.Fatalf("got the order %v", order)
				}
			}
		})
	}
}
