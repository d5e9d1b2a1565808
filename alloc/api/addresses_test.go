package api

import (
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos"
)

// addresses asks for the tasks that a query finds, by id.
func addresses(t *testing.T, s *Server, query string) map[string]any {
	t.Helper()
	c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	c.Request.SetRequestURI("/tasks/addresses?" + query)
	s.taskAddresses(c)
	var all struct{ Tasks []map[string]any }
	if err := stdjson.Unmarshal(c.Response.Body(), &all); err != nil || c.Response.StatusCode() != 200 {
		t.Fatalf("%d %v: %s", c.Response.StatusCode(), err, c.Response.Body())
	}
	found := map[string]any{}
	for _, task := range all.Tasks {
		found[task["task_id"].(string)] = task
	}
	return found
}

// addressed publishes tasks that are reached in different ways.
func addressed(t *testing.T) *Server {
	s := testServer(t)
	fill(t, s, 1, 2, 0)
	c, err := core.New(core.Options{MasterInfo: testMaster(), ClusterID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	framework, agent := "f-0000", "a-S0"
	if err := c.Load(record.Put(record.FrameworkKey(framework), &record.Framework{
		Info: &mesos.FrameworkInfo{Id: &mesos.FrameworkID{Value: &framework}, User: ptr("u"), Name: ptr("n")}})); err != nil {
		t.Fatal(err)
	}
	for id, change := range map[string]func(*mesos.Task){
		"reserved": func(k *mesos.Task) { k.Resources = parseResources(t, "cpus:1;ports:[31000-31001,31005-31005]", "r") },
		"many":     func(k *mesos.Task) { k.Resources = parseResources(t, "ports:[1000-9000]", "r") },
		"published": func(k *mesos.Task) {
			k.Resources = parseResources(t, "ports:[31000-31000]", "r")
			k.Discovery = &mesos.DiscoveryInfo{Visibility: mesos.DiscoveryInfo_CLUSTER.Enum(), Ports: &mesos.Ports{Ports: []*mesos.Port{
				{Number: ptr(uint32(80)), Name: ptr("web"), Protocol: ptr("tcp")}, {Number: ptr(uint32(81))}}}}
			k.Statuses = append([]*mesos.TaskStatus{{
				TaskId: k.TaskId, State: mesos.TaskState_TASK_STARTING.Enum(), ContainerStatus: &mesos.ContainerStatus{
					NetworkInfos: []*mesos.NetworkInfo{{IpAddresses: []*mesos.NetworkInfo_IPAddress{{IpAddress: ptr("192.168.0.7")}}}}},
			}}, k.Statuses...)
		},
		"mapped": func(k *mesos.Task) {
			k.Discovery = &mesos.DiscoveryInfo{Visibility: mesos.DiscoveryInfo_CLUSTER.Enum(),
				Ports: &mesos.Ports{Ports: []*mesos.Port{{Number: ptr(uint32(80))}}}}
			k.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), NetworkInfos: []*mesos.NetworkInfo{{
				PortMappings: []*mesos.NetworkInfo_PortMapping{{HostPort: ptr(uint32(31080)), ContainerPort: ptr(uint32(80))}}}}}
		},
		"ended": func(k *mesos.Task) { k.State = mesos.TaskState_TASK_FINISHED.Enum() },
	} {
		task := &mesos.Task{
			Name: ptr("name of " + id), TaskId: &mesos.TaskID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: &framework},
			AgentId: &mesos.AgentID{Value: &agent}, State: mesos.TaskState_TASK_RUNNING.Enum(),
			Statuses: []*mesos.TaskStatus{{TaskId: &mesos.TaskID{Value: &id}, State: mesos.TaskState_TASK_RUNNING.Enum(), Healthy: ptr(true)}},
		}
		change(task)
		if err := c.Load(record.Put(record.TaskKey(framework, id), &record.Task{Task: task})); err != nil {
			t.Fatal(err)
		}
	}
	var out core.Output
	c.Recovered(core.Time{}, &out)
	for i := range out.Changed {
		if out.Changed[i].ID.Kind == record.KindTask {
			s.Publish(out.Changed[i : i+1])
		}
	}
	return s
}

func TestTasksSayWhereTheyAre(t *testing.T) {
	s := addressed(t)
	found := addresses(t, s, "")
	if found["ended"] != nil || len(found) != 4 {
		t.Fatalf("got %v, want 4 tasks and not the one that ended", found)
	}
	for id, want := range map[string]string{
		"reserved":  "[10.0.0.1:31000   10.0.0.1:31001   10.0.0.1:31005  ]",
		"published": "[192.168.0.7:80 web tcp 192.168.0.7:81  ]",
		"mapped":    "[10.0.0.1:31080  ]",
	} {
		task := found[id].(map[string]any)
		var got []string
		for _, e := range task["endpoints"].([]any) {
			m := e.(map[string]any)
			text := func(name string) string { v, _ := m[name].(string); return v }
			got = append(got, fmt.Sprintf("%v:%v %s %s", m["ip"], m["port"], text("name"), text("protocol")))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: got endpoints %v, want %s", id, got, want)
		}
		for name, want := range map[string]any{
			"framework_id": "f-0000", "name": "name of " + id, "state": "TASK_RUNNING", "healthy": true,
			"agent_id": "a-S0", "agent_hostname": "host-0", "agent_ip": "10.0.0.1",
		} {
			if !reflect.DeepEqual(task[name], want) {
				t.Errorf("%s: got %s %v, want %v", id, name, task[name], want)
			}
		}
	}
	if got := len(found["many"].(map[string]any)["endpoints"].([]any)); got != maxEndpoints {
		t.Errorf("8,001 ports make %d endpoints, want %d", got, maxEndpoints)
	}
}

func TestTaskAddressesAreFiltered(t *testing.T) {
	s := addressed(t)
	for query, want := range map[string]int{
		"framework_id=f-0000": 4, "framework_id=f-0001": 0, "task_id=mapped": 1, "task_id=mapped&framework_id=f-0001": 0,
		"name=name+of+many": 1, "name=none": 0, "agent_id=a-S0": 4, "agent_id=a-S1": 0,
	} {
		if got := addresses(t, s, query); len(got) != want {
			t.Errorf("%s: got %d tasks, want %d", query, len(got), want)
		}
	}
}
