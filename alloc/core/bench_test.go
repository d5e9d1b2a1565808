package core

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// benchWorld is one framework with an offer of everything of one large agent.
func benchWorld(b testing.TB) (*world, *worldFramework, *worldAgent) {
	w := newWorld(b)
	w.quiet = true
	w.execute("subscribe f1 failover=1000")
	w.execute("agent a1 cpus:100000000;mem:100000000000")
	return w, w.frameworks["f1"], w.agents["a1"]
}

// BenchmarkAccept measures the decision of an ACCEPT, without decoding, journal and
// sending: tasks per second are what matters.
func BenchmarkAccept(b *testing.B) {
	for _, tasks := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(tasks), func(b *testing.B) {
			w, f, a := benchWorld(b)
			serial := 0
			next := func() *SchedulerCall {
				op := &mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{}}
				for range tasks {
					serial++
					op.Launch.TaskInfos = append(op.Launch.TaskInfos, commandTask(fmt.Sprintf("t%d", serial), a.id, "cpus:0.01;mem:1"))
				}
				c := &scheduler.Call{Type: scheduler.Call_ACCEPT.Enum(), FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)},
					Accept: &scheduler.Call_Accept{OfferIds: f.takeOffers(), Operations: []*mesos.Offer_Operation{op}, Filters: &mesos.Filters{RefuseSeconds: ptr(0.0)}}}
				return &SchedulerCall{StreamID: f.streamID, Call: c, Reply: 1}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				for len(f.offers) == 0 {
					w.now.Mono += 1e9
					w.now.Wall += 1e9
					w.step(nil)
				}
				call := next()
				w.out.Reset()
				b.StartTimer()
				w.core.Step(w.now, call, &w.out)
				b.StopTimer()
				w.learn()
				b.StartTimer()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tasks), "ns/task")
		})
	}
}

// BenchmarkUpdateAndAck measures a task's status update and its acknowledgement.
func BenchmarkUpdateAndAck(b *testing.B) {
	w, f, a := benchWorld(b)
	w.execute("launch f1 t1 cpus:1;mem:32 refuse=0")
	states := []mesos.TaskState{mesos.TaskState_TASK_STARTING, mesos.TaskState_TASK_RUNNING}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		uuid := uuidOf(fmt.Sprint(i))
		up := &link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: &link.StatusUpdate{
			FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)}, LatestState: states[i%2].Enum(),
			Status: &mesos.TaskStatus{TaskId: &mesos.TaskID{Value: ptr("t1")}, AgentId: &mesos.AgentID{Value: ptr(a.id)},
				State: states[1].Enum(), Uuid: uuid},
		}}}
		ack := &scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE.Enum(), FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)},
			Acknowledge: &scheduler.Call_Acknowledge{AgentId: &mesos.AgentID{Value: ptr(a.id)}, TaskId: &mesos.TaskID{Value: ptr("t1")}, Uuid: uuid}}
		w.out.Reset()
		w.core.Step(w.now, &AgentFrame{Channel: a.channel, Up: up}, &w.out)
		w.core.Step(w.now, &SchedulerCall{StreamID: f.streamID, Call: ack, Reply: 1}, &w.out)
	}
}

// BenchmarkOffers measures making offers of 1,000 agents and declining them.
func BenchmarkOffers(b *testing.B) {
	w := newWorld(b)
	w.quiet = true
	w.execute("subscribe f1 failover=1000")
	for i := range 1000 {
		w.execute(fmt.Sprintf("agent a%d cpus:8;mem:1024;disk:512;ports:[31000-32000]", i))
	}
	f := w.frameworks["f1"]
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		call := &scheduler.Call{Type: scheduler.Call_DECLINE.Enum(), FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)},
			Decline: &scheduler.Call_Decline{OfferIds: f.takeOffers(), Filters: &mesos.Filters{RefuseSeconds: ptr(0.0)}}}
		w.now.Mono += 2e9
		w.out.Reset()
		b.StartTimer()
		w.core.Step(w.now, &SchedulerCall{StreamID: f.streamID, Call: call, Reply: 1}, &w.out)
		w.core.Cycle(w.now, &w.out)
		b.StopTimer()
		w.learn()
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/offer")
}

// BenchmarkFullCycle measures a cycle that offers every agent of a cluster: what the engine
// decides becomes records, entities for readers and events for frameworks. Returning the
// offers is not measured.
func BenchmarkFullCycle(b *testing.B) {
	const agents, frameworks = 10_000, 200
	w := newWorld(b)
	w.quiet = true
	for i := range agents {
		w.execute(fmt.Sprintf("agent a%d cpus:24;mem:4096;disk:4096;ports:[31000-32000]", i))
	}
	for i := range frameworks {
		w.execute(fmt.Sprintf("subscribe f%d failover=1000", i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		for _, f := range w.frameworks {
			call := &scheduler.Call{Type: scheduler.Call_DECLINE.Enum(), FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)},
				Decline: &scheduler.Call_Decline{OfferIds: f.takeOffers(), Filters: &mesos.Filters{RefuseSeconds: ptr(0.0)}}}
			w.out.Reset()
			w.core.Step(w.now, &SchedulerCall{StreamID: f.streamID, Call: call, Reply: 1}, &w.out)
		}
		w.now.Mono += 2e9
		w.out.Reset()
		b.StartTimer()
		w.core.Cycle(w.now, &w.out)
		b.StopTimer()
		w.learn()
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*agents), "ns/offer")
}
