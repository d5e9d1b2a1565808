package core

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// onAnnexes is a world with a command task that runs, and what the core answered.
func onAnnexes(t *testing.T) (w *world, root string) {
	w = newWorld(t)
	w.connect()
	w.launchCommand()
	w.pass()
	for id := range w.core.containers {
		root = id
	}
	return w, root
}

// pass lets everything happen that is about to.
func (w *world) pass() {
	for range 100 {
		w.flush()
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		switch {
		case len(w.launching) > 0:
			w.startOne(0, false)
		case w.sent == len(w.outbox):
			return
		}
	}
}

// ask steps a command and returns what it was answered at once, as "status text".
func (w *world) ask(c Command) string {
	w.replies = nil
	w.core.Step(w.now, c)
	w.turn(-1)
	return strings.Join(w.replies, ";")
}

func (w *world) launchAnnex(id ContainerID, change func(*LaunchContainer)) string {
	w.tokens++
	l := LaunchContainer{Token: w.tokens, ID: id, Command: &mesos.CommandInfo{Value: new("run")}}
	if change != nil {
		change(&l)
	}
	first := w.ask(l)
	w.replies = nil
	w.pass()
	return strings.Trim(first+";"+strings.Join(w.replies, ";"), ";")
}

// processOf is the simulated process of a container.
func (w *world) processOf(id ContainerID) *simProcess {
	return w.procs[w.core.annexes[id.String()].proc.id]
}

func (w *world) want(got, want string) {
	if got != want {
		w.t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAnnexOverItsLife(t *testing.T) {
	w, root := onAnnexes(t)
	id := ContainerID{root, "n"}
	w.want(w.launchAnnex(id, nil), "200")
	w.want(w.launchAnnex(id, nil), "202")
	w.want(w.ask(RemoveContainer{Token: 1, ID: id}), "500 Nested container has not terminated yet")
	w.want(w.ask(WaitContainer{Token: 2, ID: id}), "")
	w.replies = nil
	w.end(w.core.annexes[id.String()].proc.id, 256)
	w.pass()
	w.want(strings.Join(w.replies, ";"), "200 exit 256")
	w.want(w.ask(WaitContainer{Token: 3, ID: id}), "200 exit 256")
	// It is known over a restart of the agent.
	w.reboot()
	w.want(w.ask(WaitContainer{Token: 4, ID: id}), "200 exit 256")
	w.want(w.ask(RemoveContainer{Token: 5, ID: id}), "200")
	w.want(w.ask(WaitContainer{Token: 6, ID: id}), "404 Container "+root+".n cannot be found")
	if len(w.disk) == 0 || slices.ContainsFunc(keysOf(w.disk), func(k string) bool { return strings.HasPrefix(k, "annex/") }) {
		t.Errorf("records left: %v", keysOf(w.disk))
	}
}

func keysOf(m map[string][]byte) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

func TestLaunchOfAnnexIsRefused(t *testing.T) {
	w, root := onAnnexes(t)
	for _, c := range []struct {
		id     ContainerID
		change func(*LaunchContainer)
		want   string
	}{
		{ContainerID{"nosuch", "n"}, nil, "400 Parent container nosuch does not exist"},
		{ContainerID{root, "a", "b"}, nil, "400 Parent container " + root + ".a does not exist"},
		{ContainerID{root, "d"}, func(l *LaunchContainer) {
			l.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_DOCKER.Enum(), Docker: &mesos.ContainerInfo_DockerInfo{}}
		}, "400 The provided ContainerInfo is not supported"},
		{ContainerID{root, "i"}, func(l *LaunchContainer) {
			l.Command.Environment = &mesos.Environment{Variables: []*mesos.Environment_Variable{{
				Name: new("KEY"), Type: mesos.Environment_Variable_SECRET.Enum(), Secret: &mesos.Secret{Type: mesos.Secret_REFERENCE.Enum()}}}}
		}, "400 Failed to launch container: environment variable KEY refers to a secret, and this agent has no secret store"},
		{ContainerID{root}, nil, "202"},
		// Mesos finds out later that there is nothing to run.
		{ContainerID{"empty"}, func(l *LaunchContainer) { l.Command = nil }, "200"},
	} {
		w.want(w.launchAnnex(c.id, c.change), c.want)
	}
	w.want(w.ask(WaitContainer{Token: 9, ID: ContainerID{"empty"}}), "200 exit 256")
	w.want(w.ask(RemoveContainer{Token: 10, ID: ContainerID{root}}), "400 Container "+root+" is neither nested nor a standalone one that has ended")
	w.want(w.ask(RemoveContainer{Token: 10, ID: ContainerID{"nosuch", "x"}}), "500 Unknown root container")
	w.want(w.ask(RemoveContainer{Token: 10, ID: ContainerID{root, "x"}}), "200")
	w.want(w.ask(KillContainer{Token: 10, ID: ContainerID{root, "x"}, Signal: 15}), "404 Container '"+root+".x' cannot be found (or is already killed)")
	// While its parent is being ended, too.
	w.kill("cmd0")
	w.flush()
	w.tell(-1)
	w.inbox = nil // the end of the parent is not known yet
	w.want(w.launchAnnex(ContainerID{root, "late"}, nil), "400 Parent container "+root+" is in 'DESTROYING' state")
}

func TestLaunchOfAnnex(t *testing.T) {
	w, root := onAnnexes(t)
	for _, c := range []struct {
		name   string
		id     ContainerID
		change func(*LaunchContainer)
		kernel string
		dir    string
		limits Limits
	}{
		{"it shares the limits of its parent", ContainerID{root, "n"}, nil, root + "/n-", "containers/n", Limits{}},
		{"so does one in it", ContainerID{root, "n", "m"}, nil, root + "/n-N/m-", "containers/n/containers/m", Limits{}},
		{"one with limits of its own", ContainerID{root, "own"}, func(l *LaunchContainer) {
			l.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesos.LinuxInfo{ShareCgroups: new(false)}}
			l.Resources = []*mesos.Resource{{Name: new("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: new(64.0)}}}
		}, root + ".own-", "containers/own", Limits{CPUMilli: 2, MemBytes: 64 << 20, MemSoftBytes: 64 << 20}},
		{"one that stands alone", ContainerID{"alone"}, nil, "s-alone-", "/w/containers/alone", Limits{CPUMilli: 2, MemSoftBytes: 32 << 20}},
		{"an odd name", ContainerID{root, "a:b"}, nil, root + "/h-", "containers/a:b", Limits{}},
		{"a name like a control file's", ContainerID{root, "tasks"}, nil, root + "/h-", "containers/tasks", Limits{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := LaunchContainer{Token: 1, ID: c.id, Command: &mesos.CommandInfo{Value: new("run"), User: new("u")}}
			if c.change != nil {
				c.change(&l)
			}
			w.ask(l)
			got := w.launching[len(w.launching)-1]
			kernel := c.kernel
			if len(c.id) > 2 {
				kernel = strings.Replace(kernel, "n-N", strings.TrimPrefix(w.core.annexes[c.id.parent().String()].proc.id, root+"/"), 1)
			}
			if !strings.HasPrefix(got.ID, kernel) || got.Shared != strings.Contains(got.ID, "/") {
				t.Errorf("in the kernel %s (shared %v), want %s…", got.ID, got.Shared, kernel)
			}
			if !strings.HasSuffix(got.Directory, c.dir) || !reflect.DeepEqual(got.Limits, c.limits) || got.User != "u" {
				t.Errorf("got directory %s, limits %+v, user %s", got.Directory, got.Limits, got.User)
			}
			w.pass()
		})
	}
}

func TestSessionTakesOverItsSurroundings(t *testing.T) {
	w, root := onAnnexes(t)
	l := LaunchContainer{Token: 1, ID: ContainerID{root, "s"}, Session: true, Command: &mesos.CommandInfo{Value: new("run")},
		Container: &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), TtyInfo: &mesos.TTYInfo{
			WindowSize: &mesos.TTYInfo_WindowSize{Rows: new(uint32(30)), Columns: new(uint32(90))}}}}
	w.ask(l)
	got := w.launching[0]
	parent := w.core.containers[root].rec.GetDirectory()
	if got.WorkDir != parent || !slices.Contains(got.Env, "MESOS_SANDBOX="+parent) || !slices.Contains(got.Env, "MESOS_FRAMEWORK_ID=F") {
		t.Errorf("it runs in %s with %v", got.WorkDir, got.Env)
	}
	if *got.IO != (IO{Terminal: true, Rows: 30, Columns: 90, Session: true}) || got.User != "u" {
		t.Errorf("io %+v, user %s", got.IO, got.User)
	}
	w.pass()
	// It ends with its connection, and no other container does.
	w.launchAnnex(ContainerID{root, "n"}, nil)
	for _, name := range []string{"s", "n"} {
		w.ask(EndSession{ID: ContainerID{root, name}})
	}
	if w.processOf(ContainerID{root, "s"}).alive || !w.processOf(ContainerID{root, "n"}).alive {
		t.Error("want the session to end, and nothing else")
	}
}

func TestChildrenEndWithTheirParents(t *testing.T) {
	w, root := onAnnexes(t)
	for _, id := range []ContainerID{{root, "a"}, {root, "a", "b"}, {root, "a", "b", "c"}, {root, "d"}, {"alone"}, {"alone", "e"}} {
		w.want(w.launchAnnex(id, nil), "200")
	}
	w.want(w.ask(KillContainer{Token: 1, ID: ContainerID{root, "a"}, Signal: 9}), "200")
	w.pass()
	alive := func() (out []string) {
		for _, a := range w.core.annexOrder {
			if a.live() {
				out = append(out, a.id[len(a.id)-1])
			}
		}
		return out
	}
	if got := alive(); !slices.Equal(got, []string{"d", "alone", "e"}) {
		t.Errorf("alive after the end of a: %v", got)
	}
	w.replies = nil
	w.ask(WaitContainer{Token: 2, ID: ContainerID{root}})
	w.kill("cmd0")
	w.pass()
	if got := alive(); !slices.Equal(got, []string{"alone", "e"}) {
		t.Errorf("alive after the end of the task: %v", got)
	}
	if !slices.Contains(w.replies, "200 exit 15") {
		t.Errorf("who waited for the task's container was answered %v", w.replies)
	}
	for w.ack("cmd0") {
		w.pass()
	}
	for key := range w.disk {
		if strings.HasPrefix(key, "annex/"+root) {
			t.Errorf("record %s outlives the task", key)
		}
	}
}

// Standalone containers outlive the agent's process, but not the agent.
func TestStandaloneOutlivesRestartsAndLeavesWithTheAgent(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.pass()
	id := ContainerID{"alone"}
	w.want(w.launchAnnex(id, nil), "200")
	w.reboot()
	w.want(w.launchAnnex(id, nil), "202")
	// It ends while no agent runs.
	w.processOf(id).alive, w.processOf(id).status = false, 512
	w.reboot()
	w.want(w.ask(WaitContainer{Token: 1, ID: id}), "200 exit 512")
	w.want(w.launchAnnex(id, nil), "200")
	w.core.Step(w.now, Collected{ContainerID: "alone"})
	w.want(w.launchAnnex(id, nil), "202")
	w.ask(Leave{Message: "bye"})
	for name, p := range w.procs {
		if p.alive {
			t.Errorf("container %s is left", name)
		}
	}
}

func TestRecoveryOfAnnexes(t *testing.T) {
	w, root := onAnnexes(t)
	w.launchAnnex(ContainerID{root, "n"}, nil)
	w.launchAnnex(ContainerID{root, "s"}, func(l *LaunchContainer) { l.Session = true })
	w.ask(LaunchContainer{Token: 1, ID: ContainerID{root, "never"}, Command: &mesos.CommandInfo{Value: new("run")}})
	w.reboot()
	w.pass()
	if !w.processOf(ContainerID{root, "n"}).alive || w.processOf(ContainerID{root, "s"}) != nil {
		t.Error("want the nested container to live on and the session to end")
	}
	w.want(w.ask(WaitContainer{Token: 2, ID: ContainerID{root, "never"}}), "200 Failed to launch container: the agent restarted while the container was being launched")
}

func TestTooManyAnnexes(t *testing.T) {
	w, _ := onAnnexes(t)
	for i := range maxAnnexes {
		w.ask(LaunchContainer{Token: 1, ID: ContainerID{fmt.Sprint("c", i)}, Command: &mesos.CommandInfo{Value: new("run")}})
	}
	if got := w.ask(LaunchContainer{Token: 1, ID: ContainerID{"more"}, Command: &mesos.CommandInfo{Value: new("run")}}); !strings.HasPrefix(got, "503 ") {
		t.Errorf("one too many: %q", got)
	}
	w.core.Step(w.now, LaunchFailed{ID: w.core.annexes["c7"].proc.id, Message: "no"})
	w.turn(-1)
	if got := w.launchAnnex(ContainerID{"more"}, nil); got != "200" && !strings.HasSuffix(got, "200") {
		t.Errorf("with room again: %q", got)
	}
}

func TestAnnexOutOfMemory(t *testing.T) {
	w, _ := onAnnexes(t)
	id := ContainerID{"alone"}
	w.launchAnnex(id, func(l *LaunchContainer) {
		l.Resources = []*mesos.Resource{{Name: new("mem"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: new(64.0)}}}
	})
	w.inbox = append(w.inbox, Limited{ID: w.core.annexes["alone"].proc.id, UsedBytes: 70 << 20})
	w.pass()
	end := w.core.annexes["alone"].rec.Termination
	if end.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY || end.GetMessage() != "Memory limit exceeded: Requested: 64MB Maximum Used: 70MB" || end.Limitation == nil {
		t.Errorf("got %v", end)
	}
}

// Members of a task group are containers too; the group's executor has no process.
func TestAnnexesInATaskGroup(t *testing.T) {
	w := newWorld(t)
	w.connect()
	w.launchExecutor("group")
	w.pass()
	var root string
	for id := range w.core.containers {
		root = id
	}
	member := w.core.containers[root].tasks[0].rec.GetNestedId()
	w.want(w.launchAnnex(ContainerID{root, member}, nil), "202")
	w.want(w.launchAnnex(ContainerID{root, "n"}, nil), "200")
	w.want(w.launchAnnex(ContainerID{root, member, "s"}, nil), "200")
	if got := w.core.annexes[root+".n"].proc.id; !strings.HasPrefix(got, root+"/n-") {
		t.Errorf("what is nested in the executor is %s in the kernel", got)
	}
	if got := w.core.annexes[root+"."+member+".s"].proc.id; !strings.HasPrefix(got, root+"/"+member+"/s-") {
		t.Errorf("what is nested in a member is %s in the kernel", got)
	}
	w.want(w.ask(KillContainer{Token: 1, ID: ContainerID{root, member}, Signal: 10}), "200")
	w.replies = nil
	w.ask(WaitContainer{Token: 2, ID: ContainerID{root}})
	w.enqueue(&link.Down{Body: &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{
		FrameworkId: fwInfo.Id, ExecutorId: w.core.containers[root].rec.Executor.ExecutorId,
	}}})
	w.pass()
	if !slices.Contains(w.replies, "200 exit 0") {
		t.Errorf("who waited for the executor was answered %v", w.replies)
	}
	for name, p := range w.procs {
		if p.alive {
			t.Errorf("container %s is left", name)
		}
	}
}

func TestDamagedAnnex(t *testing.T) {
	w, root := onAnnexes(t)
	w.launchAnnex(ContainerID{root, "n"}, nil)
	for key, rec := range map[string]*record.Annex{
		"annex/nosuch.x": {Path: []string{"nosuch", "x"}, KernelId: new("k1"), Process: &record.Process{}},
		"annex/y":        {Path: []string{"y"}, KernelId: new("k2")},
	} {
		b, err := rec.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		w.disk[key] = b
	}
	w.reboot()
	if w.core.metrics.DamagedRecords != 2 || len(w.core.annexOrder) != 1 {
		t.Errorf("%d records damaged, %d annexes; want 2 and 1", w.core.metrics.DamagedRecords, len(w.core.annexOrder))
	}
}
