package api

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// parse reads resources and allocates them to a role, if one is given.
func parseResources(t testing.TB, text, role string) []*mesos.Resource {
	t.Helper()
	rs, err := resource.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	if role != "" {
		rs = rs.Allocate(role)
	}
	return rs.ToProto(resource.PostRefinement)
}

// testMaster is who the servers of these tests are.
func testMaster() *mesos.MasterInfo {
	return &mesos.MasterInfo{
		Id: ptr("m"), Ip: ptr(uint32(16777343)), Port: ptr(uint32(5050)), Hostname: ptr("master.example"),
		Pid: ptr("master@127.0.0.1:5050"), Version: ptr(build.MesosVersion),
	}
}

func testServer(t testing.TB) *Server {
	t.Helper()
	s, err := New(Options{
		MasterInfo: testMaster(), Logger: slog.New(slog.DiscardHandler),
		Clock: clock.NewSim(time.Unix(1_700_000_000, 0)),
		Flags: []Flag{{"port", "5050"}, {"cluster", "test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill publishes a cluster: frameworks of one role each, agents, and tasks spread
// over both.
func fill(t testing.TB, s *Server, agents, frameworks, tasks int) {
	t.Helper()
	c, err := core.New(core.Options{MasterInfo: testMaster(), ClusterID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	load := func(key []byte, v record.Value) {
		if err := c.Load(record.Put(key, v)); err != nil {
			t.Fatal(err)
		}
	}
	now := int64(1_700_000_000_000_000_000)
	for i := range frameworks {
		id := fmt.Sprintf("f-%04d", i)
		load(record.FrameworkKey(id), &record.Framework{
			Info: &mesos.FrameworkInfo{
				Id: &mesos.FrameworkID{Value: &id}, User: ptr("root"), Name: ptr("framework"), Roles: []string{"r"},
				Hostname: ptr("h"), WebuiUrl: ptr("http://x/"), Principal: ptr("p"),
				Capabilities: []*mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()}},
			},
			RegisteredNanos: &now, ReregisteredNanos: &now,
		})
	}
	total := parseResources(t, "cpus:24;mem:65536;disk:100000;ports:[31000-32000]", "")
	for i := range agents {
		id, host := fmt.Sprintf("a-S%d", i), fmt.Sprintf("host-%d", i)
		load(record.AgentKey(id), &record.Agent{
			Info: &mesos.AgentInfo{
				Id: &mesos.AgentID{Value: &id}, Hostname: &host, Port: ptr(int32(5051)), Resources: total,
				Attributes: []*mesos.Attribute{{Name: ptr("rack"), Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: ptr("r1")}}},
			},
			Phase: record.Agent_REGISTERED.Enum(), Version: ptr("1.12.0"), Total: total,
			Address: &mesos.Address{Ip: ptr("10.0.0.1"), Port: ptr(int32(5051))}, RegisteredNanos: &now,
			Capabilities: []*mesos.AgentInfo_Capability{{Type: mesos.AgentInfo_Capability_MULTI_ROLE.Enum()}},
		})
	}
	use := parseResources(t, "cpus:0.1;mem:32", "r")
	for i := range tasks {
		id, framework, agent := fmt.Sprintf("task-%d", i), fmt.Sprintf("f-%04d", i%frameworks), fmt.Sprintf("a-S%d", i%agents)
		load(record.TaskKey(framework, id), &record.Task{Task: &mesos.Task{
			Name: ptr("task"), TaskId: &mesos.TaskID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: &framework},
			AgentId: &mesos.AgentID{Value: &agent}, State: mesos.TaskState_TASK_RUNNING.Enum(), Resources: use,
			Statuses: []*mesos.TaskStatus{{
				TaskId: &mesos.TaskID{Value: &id}, State: mesos.TaskState_TASK_RUNNING.Enum(), Timestamp: ptr(1.7e9),
				Uuid: []byte("0123456789abcdef"), Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(),
			}},
		}})
	}
	var out core.Output
	c.Recovered(core.Time{Wall: now}, &out)
	for i := range out.Changed {
		switch e := out.Changed[i].Entity.(type) {
		case *core.Agent:
			back := *e
			back.Connected, back.Active, back.Recovered = true, true, false
			out.Changed[i].Entity = &back
		case *core.Framework:
			back := *e
			back.Connected, back.Active, back.Recovered = true, true, false
			out.Changed[i].Entity = &back
		}
	}
	s.Publish(out.Changed)
}
