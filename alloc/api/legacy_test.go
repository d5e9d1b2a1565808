//lint:file-ignore SA1019 Frameworks without MULTI_ROLE name their role the old way.

package api

import (
	"bytes"
	stdjson "encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// small is a cluster with one of each: reservations, an executor, an offer, a
// completed task, an unreachable one, a completed framework, a weight, a quota.
func small(t testing.TB) *Server {
	s := testServer(t)
	fill(t, s, 2, 1, 2)
	c, err := core.New(core.Options{MasterInfo: testMaster(), ClusterID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	load := func(key []byte, v record.Value) {
		if err := c.Load(record.Put(key, v)); err != nil {
			t.Fatal(err)
		}
	}
	now, framework, done := int64(1_700_000_100_000_000_000), "f-0000", "f-done"
	load(record.RoleKey("eng/ml"), &record.Role{Name: ptr("eng/ml"), Weight: ptr(2.5)})
	load(record.FrameworkKey(framework), &record.Framework{
		Info: &mesos.FrameworkInfo{Id: &mesos.FrameworkID{Value: &framework}, User: ptr("root"), Name: ptr("framework"), Roles: []string{"r"},
			Capabilities: []*mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()}}},
	})
	load(record.FrameworkKey(done), &record.Framework{
		Info:            &mesos.FrameworkInfo{Id: &mesos.FrameworkID{Value: &done}, User: ptr("u"), Name: ptr("old"), Role: ptr("*")},
		RegisteredNanos: &now, ReregisteredNanos: ptr(now + 1e9), UnregisteredNanos: ptr(now + 2e9), CompletedSerial: ptr(uint64(1)),
	})
	reserved := resourceList(t, `[{"name":"cpus","type":"SCALAR","scalar":{"value":4}},
		{"name":"disk","type":"SCALAR","scalar":{"value":100},"reservations":[{"type":"DYNAMIC","role":"eng/ml","principal":"p"}]},
		{"name":"zones","type":"SET","set":{"item":["a","b"]}},{"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}]`)
	id := "a-S9"
	load(record.AgentKey(id), &record.Agent{
		Info: &mesos.AgentInfo{
			Id: &mesos.AgentID{Value: &id}, Hostname: ptr("host-9"), Port: ptr(int32(5051)), Resources: reserved,
			Attributes: []*mesos.Attribute{
				{Name: ptr("n"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: ptr(1.5)}},
				{Name: ptr("r"), Type: mesos.Value_RANGES.Enum(), Ranges: &mesos.Value_Ranges{Range: []*mesos.Value_Range{{Begin: ptr(uint64(1)), End: ptr(uint64(5))}}}},
				{Name: ptr("t"), Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: ptr("first")}},
				{Name: ptr("t"), Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: ptr("last \"one\"")}},
			},
			Domain: &mesos.DomainInfo{FaultDomain: &mesos.DomainInfo_FaultDomain{
				Region: &mesos.DomainInfo_FaultDomain_RegionInfo{Name: ptr("eu")}, Zone: &mesos.DomainInfo_FaultDomain_ZoneInfo{Name: ptr("a")}}},
		},
		Phase: record.Agent_REGISTERED.Enum(), Version: ptr("1.12.0"), Total: reserved, RegisteredNanos: &now, ReregisteredNanos: ptr(now + 1e9),
		Address: &mesos.Address{Ip: ptr("10.0.0.9"), Port: ptr(int32(5051))}, Deactivated: ptr(true),
	})
	use := parseResources(t, "cpus:0.5;mem:64", "r")
	load(record.ExecutorKey(id, framework, "e"), &record.Executor{FrameworkId: &framework, AgentId: &id, Info: &mesos.ExecutorInfo{
		ExecutorId: &mesos.ExecutorID{Value: ptr("e")}, FrameworkId: &mesos.FrameworkID{Value: &framework}, Name: ptr("executor"),
		Type: mesos.ExecutorInfo_CUSTOM.Enum(), Resources: use,
		Command: &mesos.CommandInfo{Value: ptr("run"), Arguments: []string{"run", "-v"}, Uris: []*mesos.CommandInfo_URI{{Value: ptr("http://x/y")}}},
	}})
	task := func(name string, state mesos.TaskState) *mesos.Task {
		return &mesos.Task{
			Name: ptr(name), TaskId: &mesos.TaskID{Value: &name}, FrameworkId: &mesos.FrameworkID{Value: &framework},
			AgentId: &mesos.AgentID{Value: &id}, ExecutorId: &mesos.ExecutorID{Value: ptr("e")}, State: &state, Resources: use, User: ptr("u"),
			Labels: &mesos.Labels{Labels: []*mesos.Label{{Key: ptr("k"), Value: ptr("v")}}},
			Limits: map[string]*mesos.Value_Scalar{"mem": {Value: ptr(128.0)}},
			Statuses: []*mesos.TaskStatus{{TaskId: &mesos.TaskID{Value: &name}, State: &state, Timestamp: ptr(1.7e9), Healthy: ptr(true),
				ContainerStatus: &mesos.ContainerStatus{ContainerId: &mesos.ContainerID{Value: ptr("c")}, ExecutorPid: ptr(uint32(7))}}},
		}
	}
	load(record.TaskKey(framework, "lost"), &record.Task{Task: task("lost", mesos.TaskState_TASK_UNREACHABLE), Unreachable: ptr(true)})
	load(record.CompletedTaskKey(framework, 2), &record.Task{Task: task("done", mesos.TaskState_TASK_FINISHED), CompletedSerial: ptr(uint64(2))})
	var out core.Output
	c.Recovered(core.Time{Wall: now}, &out)
	for i := range out.Changed {
		if a, ok := out.Changed[i].Entity.(*core.Agent); ok {
			back := *a
			back.Connected, back.Active, back.Recovered = true, false, false
			out.Changed[i].Entity = &back
		}
		if f, ok := out.Changed[i].Entity.(*core.Framework); ok && f.ID() == framework {
			continue // fill has published it, with more to show
		}
		s.Publish(out.Changed[i : i+1])
	}
	return s
}

// resourceList reads a JSON list of resources.
func resourceList(t testing.TB, text string) []*mesos.Resource {
	t.Helper()
	var call master.Call_ReserveResources
	if err := codec.JSON.Unmarshal([]byte(`{"agent_id":{"value":"a"},"resources":`+text+`}`), &call); err != nil {
		t.Fatal(err)
	}
	return call.Resources
}

// What the files say of the build.
func init() { build.Commit, build.Time = "0123456789abcdef", "2023-11-14T22:13:20Z" }

// The old endpoints, whole, against files that people have read.
func TestOldEndpointsLookLikeMesos(t *testing.T) {
	s := small(t)
	for name, h := range map[string]httpd.Handler{
		"state": s.state, "state-summary": s.stateSummary, "slaves": s.slaves, "frameworks": s.frameworks,
		"tasks": s.tasks, "roles": s.roles, "flags": s.flags,
		"registry": s.registry,
	} {
		c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
		h(c)
		var got bytes.Buffer
		if err := stdjson.Indent(&got, c.Response.Body(), "", " "); err != nil {
			t.Errorf("%s is no JSON: %v\n%s", name, err, c.Response.Body())
			continue
		}
		got.WriteByte('\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s differs from %s (-update rewrites it):\n%s", name, file, firstDifference(got.Bytes(), want))
		}
	}
}

func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			return "got  " + string(g[i]) + "\nwant " + string(w[i])
		}
	}
	return "one is longer"
}
