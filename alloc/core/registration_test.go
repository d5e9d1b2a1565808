package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// registrationCases: agent a1 has registered once, at host-a1, and returns with this
// change, after these commands.
var registrationCases = []struct {
	rows     rows
	name     string
	before   string
	change   func(*link.Register)
	shutdown bool // whether it is told to stop for good
	want     string
}{
	{rows{201}, "framework twice", "", func(r *link.Register) { r.Frameworks = append(r.Frameworks, r.Frameworks[0]) }, false, "twice"},
	{rows{201}, "framework without id", "", func(r *link.Register) { r.Frameworks[0].Id = nil }, false, "no id"},
	{rows{201}, "executor twice", "", func(r *link.Register) { r.Executors = []*link.Executor{someExecutorOf("f"), someExecutorOf("f")} }, false, "twice"},
	{rows{201}, "executor of no one", "", func(r *link.Register) { r.Executors = []*link.Executor{someExecutorOf("x")} }, false, "not reported"},
	{rows{201}, "executor with bad resources", "", func(r *link.Register) {
		r.Executors = []*link.Executor{someExecutorOf("f")}
		r.Executors[0].Info.Resources = textResource()
	}, false, "executor"},
	{rows{201}, "task of no one", "", func(r *link.Register) { r.Tasks = []*mesos.Task{someTaskOf("x", "m-S0", "")} }, false, "not reported"},
	{rows{201}, "task of another agent", "", func(r *link.Register) { r.Tasks = []*mesos.Task{someTaskOf("f", "other", "")} }, false, "not of the one that reports"},
	{rows{201}, "task without executor", "", func(r *link.Register) { r.Tasks = []*mesos.Task{someTaskOf("f", "m-S0", "missing")} }, false, "not reported"},
	{rows{201}, "task with bad resources", "", func(r *link.Register) {
		r.Tasks = []*mesos.Task{someTaskOf("f", "m-S0", "")}
		r.Tasks[0].Resources = textResource()
	}, false, "task"},
	{rows{196, 201}, "bad total", "", func(r *link.Register) { r.Total = textResource() }, false, "total"},
	{rows{196, 201}, "bad resources", "", func(r *link.Register) { r.Agent.Resources = textResource() }, false, "agent resources"},
	{rows{49, 196}, "bad id", "", func(r *link.Register) { r.Agent.Id = &mesos.AgentID{Value: ptr("a/b")} }, false, "agent id"},
	{nil, "incomplete", "", func(r *link.Register) { r.Agent.Hostname = nil }, false, "incomplete"},
	{nil, "nothing at all", "", func(r *link.Register) { r.Agent = nil }, false, "without agent info"},
	{rows{198}, "no version", "", func(r *link.Register) { r.Version = nil }, false, "version"},
	{rows{198}, "version that is none", "", func(r *link.Register) { r.Version = ptr("x.y") }, false, "version"},
	{rows{198}, "old version", "", func(r *link.Register) { r.Version = ptr("0.28.2") }, false, "at least 1.0.0"},
	{rows{199}, "domain, allocator none", "", func(r *link.Register) { r.Agent.Domain = someDomain() }, false, "fault domain"},
	{rows{200}, "machine down", machineOfA1Down, func(*link.Register) {}, true, "down for maintenance"},
	{rows{202}, "marked gone", `operator {"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"m-S0"}}}`, func(*link.Register) {}, true, "marked gone"},
	{rows{203}, "another hostname", "", func(r *link.Register) { r.Agent.Hostname = ptr("other") }, true, "now it claims to be at other"},
	{rows{203}, "another IP", "", func(r *link.Register) { r.Address = &mesos.Address{Ip: ptr("10.9.9.9"), Port: ptr(int32(5051))} }, true, "10.9.9.9"},
}

const machineOfA1Down = `operator {"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"host-a1","ip":"10.0.0.1"}],"unavailability":{"start":{"nanoseconds":1}}}]}}}
operator {"type":"START_MAINTENANCE","start_maintenance":{"machines":[{"hostname":"host-a1","ip":"10.0.0.1"}]}}`

func someFramework(id string) *mesos.FrameworkInfo {
	return &mesos.FrameworkInfo{User: ptr("u"), Name: ptr("n"), Id: &mesos.FrameworkID{Value: &id}}
}

func someExecutorOf(framework string) *link.Executor {
	return &link.Executor{FrameworkId: &mesos.FrameworkID{Value: &framework}, Info: &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: ptr("e")}}}
}

func someTaskOf(framework, agent, executor string) *mesos.Task {
	t := &mesos.Task{Name: ptr("n"), TaskId: &mesos.TaskID{Value: ptr("t")}, FrameworkId: &mesos.FrameworkID{Value: &framework},
		AgentId: &mesos.AgentID{Value: &agent}, State: mesos.TaskState_TASK_RUNNING.Enum()}
	if executor != "" {
		t.ExecutorId = &mesos.ExecutorID{Value: &executor}
	}
	return t
}

func textResource() []*mesos.Resource {
	return []*mesos.Resource{{Name: ptr("cpus"), Type: mesos.Value_TEXT.Enum()}}
}

// What is wrong with an agent that registers is told to it, and has no effect.
func TestRegistrationRules(t *testing.T) {
	for _, c := range registrationCases {
		w := newWorld(t)
		w.must("agent a1 cpus:1;mem:32", "disconnect a1")
		w.must(strings.Split(c.before, "\n")...)
		a := w.agents["a1"]
		a.register.Frameworks = []*mesos.FrameworkInfo{someFramework("f")}
		c.change(a.register)
		hash := w.core.Hash()
		got := w.registerAgent(a)
		if !strings.Contains(got, "refused shutdown="+map[bool]string{true: "true", false: "false"}[c.shutdown]) || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want a refusal with shutdown %v and %q", c.name, got, c.shutdown, c.want)
		}
		if w.core.Hash() != hash {
			t.Errorf("%s: the refused registration changed the state", c.name)
		}
	}
}
