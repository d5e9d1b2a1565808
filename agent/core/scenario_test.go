package core

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected output of the scenarios in testdata")

// TestScenarios plays testdata/*.txt. A line that is not indented tells the agent
// something; the indented lines below are what became of it. See play for the
// words.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playFile(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// scene is one scenario under way.
type scene struct {
	t     *testing.T
	core  *Core
	now   Time
	seq   uint64
	term  uint64
	token Token
	// stream is the token of the latest subscription.
	stream Token
	names  map[string]string // ids that the agent made up → short names
	count  map[string]int
	caps   []string
	disk   map[string][]byte
	seed   byte
}

func playFile(t *testing.T, text string) string {
	s := &scene{
		t: t, now: Time{Wall: 1e18, Mono: 1}, term: 1, names: map[string]string{}, count: map[string]int{},
		disk: map[string][]byte{}, seed: 1,
	}
	s.start(nil)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") {
			continue
		}
		out.WriteString(line)
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, l := range s.play(strings.Fields(line)) {
			out.WriteString("  " + l + "\n")
		}
	}
	return out.String()
}

func (s *scene) start(facts map[string]Fact) {
	s.core = New(testOptions(s.seed))
	for k, v := range s.disk {
		if err := s.core.Load(k, v); err != nil {
			s.t.Fatal(err)
		}
	}
	refs, _ := s.core.Assemble()
	if facts == nil {
		facts = map[string]Fact{}
	}
	for _, r := range refs {
		if _, ok := facts[r.ID]; !ok {
			facts[r.ID] = Fact{Alive: true, Pid: 100, StartTicks: 1}
		}
	}
	if err := s.core.Recover(s.now, facts); err != nil {
		s.t.Fatal(err)
	}
}

// args are the name=value words of a line.
func args(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}

// play understands:
//
//	capabilities A,B                   of the framework, for launches that follow
//	connect | disconnect | registered [id=] [cluster=] | refused [shutdown]
//	launch TASK [command=] [grace=] [complete=] [novalue] [limits] [image] [volume=ID] [health=TYPE] [check=TYPE]
//	       [delay=] [interval=] [timeout=] [failures=] [graceperiod=] of both kinds of check
//	result NAME RUN CODE|lost          of a check, RUN as printed
//	group EXECUTOR TASK… | add-group … | custom EXECUTOR TASK… | add EXECUTOR TASK…
//	started NAME | failed NAME [nouser] | exit NAME STATUS | oom NAME      NAME as printed
//	kill TASK [grace=] | ack TASK | shutdown EXECUTOR | teardown | drain [gone]
//	again                              the last outbox frame a second time
//	limitless                          the kernel's side cannot limit
//	old-term                           frames of a deposed allocator from now on
//	subscribe EXECUTOR [seen=TASK] | update EXECUTOR TASK STATE [uuid=] | closed
//	tick DURATION
//	restart [NAME=absent|dead|STATUS]…
func (s *scene) play(words []string) []string {
	verb, rest := words[0], words[1:]
	a := args(rest)
	switch verb {
	case "capabilities":
		s.caps = strings.Split(rest[0], ",")
		return nil
	case "limitless":
		s.core.DisableLimits()
		return nil
	case "old-term":
		s.term--
		return nil
	case "tick":
		d, err := time.ParseDuration(rest[0])
		if err != nil {
			s.t.Fatal(err)
		}
		s.now.Mono += int64(d)
		s.now.Wall += int64(d)
		s.core.Step(s.now, Tick{})
	case "restart":
		return s.restart(a)
	default:
		s.core.Step(s.now, s.command(verb, rest, a))
	}
	return s.take()
}

func (s *scene) command(verb string, rest []string, a map[string]string) Command {
	switch verb {
	case "connect":
		return Connected{}
	case "disconnect":
		return Disconnected{}
	case "registered", "refused":
		return Frame{s.answer(verb, a)}
	case "started":
		return Started{ID: s.id(rest[0]), Pid: 100, StartTicks: 1}
	case "failed":
		_, stranger := a["nouser"]
		return LaunchFailed{ID: s.id(rest[0]), Message: "no such file", NoUser: stranger}
	case "exit":
		status, err := strconv.Atoi(rest[1])
		if err != nil {
			s.t.Fatal(err)
		}
		return Exited{ID: s.id(rest[0]), WaitStatus: status, Known: true}
	case "oom":
		return Limited{ID: s.id(rest[0])}
	case "subscribe", "update":
		return s.executorCall(verb, rest, a)
	case "result":
		return s.result(rest)
	case "closed":
		return ExecutorGone{Token: s.stream}
	case "leave":
		return Leave{Message: "bye"}
	}
	return Frame{s.outbox(verb, rest, a)}
}

func (s *scene) answer(verb string, a map[string]string) *link.Down {
	d := &link.Down{Term: &s.term}
	if verb == "refused" {
		_, shutdown := a["shutdown"]
		d.Body = &link.Down_Refused{Refused: &link.Refused{Message: new("no"), Shutdown: &shutdown}}
		return d
	}
	id, cluster := "S0", "C"
	if v := a["id"]; v != "" {
		id = v
	}
	if v := a["cluster"]; v != "" {
		cluster = v
	}
	d.Body = &link.Down_Registered{Registered: &link.Registered{AgentId: &mesos.AgentID{Value: &id}, ClusterId: &cluster}}
	return d
}

func (s *scene) framework() *mesos.FrameworkInfo {
	f := &mesos.FrameworkInfo{User: new("u"), Name: new("f"), Id: &mesos.FrameworkID{Value: new("F")}}
	for _, c := range s.caps {
		v := mesos.FrameworkInfo_Capability_Type(mesos.FrameworkInfo_Capability_Type_value[c])
		f.Capabilities = append(f.Capabilities, &mesos.FrameworkInfo_Capability{Type: v.Enum()})
	}
	return f
}

func nanos(t *testing.T, text string) *mesos.DurationInfo {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return &mesos.DurationInfo{Nanoseconds: new(int64(d))}
}

func (s *scene) task(id string, a map[string]string) *mesos.TaskInfo {
	info := &mesos.TaskInfo{
		Name: &id, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: new("S0")},
		Command: &mesos.CommandInfo{Value: new("run")}, MaxCompletionTime: nanos(s.t, a["complete"]),
	}
	if g := nanos(s.t, a["grace"]); g != nil {
		info.KillPolicy = &mesos.KillPolicy{GracePeriod: g}
	}
	if c, ok := a["command"]; ok {
		info.Command.Value = &c
	}
	if _, ok := a["novalue"]; ok {
		info.Command.Value = nil
	}
	if _, ok := a["limits"]; ok {
		info.Limits = map[string]*mesos.Value_Scalar{"cpus": {Value: new(1.0)}}
	}
	if id, ok := a["volume"]; ok {
		info.Resources = []*mesos.Resource{simVolumeOf(id)}
	}
	if _, ok := a["image"]; ok {
		info.Container = &mesos.ContainerInfo{
			Type:  mesos.ContainerInfo_MESOS.Enum(),
			Mesos: &mesos.ContainerInfo_MesosInfo{Image: &mesos.Image{Type: mesos.Image_DOCKER.Enum()}},
		}
	}
	s.addChecks(info, a)
	return info
}

func (s *scene) outbox(verb string, rest []string, a map[string]string) *link.Down {
	d := &link.Down{Term: &s.term}
	if verb != "again" {
		s.seq++
	}
	d.Seq = new(s.seq)
	fw := &mesos.FrameworkID{Value: new("F")}
	switch verb {
	case "launch":
		d.Body = &link.Down_Launch{Launch: &link.Launch{Framework: s.framework(), Tasks: []*mesos.TaskInfo{s.task(rest[0], a)}}}
	case "group", "add-group", "custom", "add":
		d.Body = &link.Down_Launch{Launch: s.executorLaunch(verb, rest)}
	case "kill":
		k := &link.Kill{FrameworkId: fw, TaskId: &mesos.TaskID{Value: &rest[0]}}
		if g := nanos(s.t, a["grace"]); g != nil {
			k.KillPolicy = &mesos.KillPolicy{GracePeriod: g}
		}
		d.Body = &link.Down_Kill{Kill: k}
	case "ack":
		ack := &link.Acknowledge{FrameworkId: fw, TaskId: &mesos.TaskID{Value: &rest[0]}, Uuid: []byte("wrong")}
		if f := s.core.frameworks["F"]; f != nil && f.tasks[rest[0]] != nil && len(f.tasks[rest[0]].pending) > 0 {
			ack.Uuid = f.tasks[rest[0]].pending[0].Uuid
		}
		d.Body = &link.Down_Acknowledge{Acknowledge: ack}
	case "shutdown":
		d.Body = &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{
			FrameworkId: fw, ExecutorId: &mesos.ExecutorID{Value: &rest[0]},
		}}
	case "teardown":
		d.Body = &link.Down_ShutdownFramework{ShutdownFramework: &link.ShutdownFramework{FrameworkId: fw}}
	case "drain":
		_, gone := a["gone"]
		d.Body = &link.Down_Drain{Drain: &link.Drain{Config: &mesos.DrainConfig{MarkGone: &gone}}}
	case "again":
		d.Body = &link.Down_Launch{Launch: &link.Launch{Framework: s.framework(), Tasks: []*mesos.TaskInfo{s.task("doubled", nil)}}}
	default:
		s.t.Fatalf("unknown word %q", verb)
	}
	return d
}

func (s *scene) executorLaunch(verb string, rest []string) *link.Launch {
	custom := verb == "custom" || verb == "add"
	l := &link.Launch{
		Framework: s.framework(), Group: new(!custom), LaunchExecutor: new(verb == "custom" || verb == "group"),
		Executor: &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: &rest[0]}, Type: mesos.ExecutorInfo_DEFAULT.Enum()},
	}
	if custom {
		l.Executor.Type = mesos.ExecutorInfo_CUSTOM.Enum()
		l.Executor.Command = &mesos.CommandInfo{Value: new("executor")}
	}
	a := args(rest)
	for _, id := range rest[1:] {
		if strings.Contains(id, "=") {
			continue
		}
		info := s.task(id, a)
		if custom {
			info.Command = nil
		}
		l.Tasks = append(l.Tasks, info)
	}
	return l
}

func (s *scene) executorCall(verb string, rest []string, a map[string]string) Command {
	s.token++
	call := &executor.Call{
		FrameworkId: &mesos.FrameworkID{Value: new("F")}, ExecutorId: &mesos.ExecutorID{Value: &rest[0]},
	}
	if verb == "subscribe" {
		s.stream = s.token
		call.Type, call.Subscribe = executor.Call_SUBSCRIBE.Enum(), &executor.Call_Subscribe{}
		if seen := a["seen"]; seen != "" {
			call.Subscribe.UnacknowledgedTasks = []*mesos.TaskInfo{s.task(seen, nil)}
		}
		return ExecutorCall{Token: s.token, Call: call}
	}
	uuid := fmt.Sprintf("%016d", s.token)
	if v := a["uuid"]; v != "" {
		uuid = v
	}
	state := mesos.TaskState(mesos.TaskState_value["TASK_"+rest[2]])
	call.Type = executor.Call_UPDATE.Enum()
	call.Update = &executor.Call_Update{Status: &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: &rest[1]}, State: state.Enum(),
		Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: []byte(uuid),
	}}
	return ExecutorCall{Token: s.token, Call: call}
}

func (s *scene) restart(a map[string]string) []string {
	facts := map[string]Fact{}
	for name, v := range a {
		f := Fact{Pid: 100, StartTicks: 1}
		switch status, err := strconv.Atoi(v); {
		case v == "absent":
			f = Fact{Absent: true}
		case err == nil:
			f.Known, f.WaitStatus = true, status
		}
		facts[s.id(name)] = f
	}
	s.seed++
	s.start(facts)
	return s.take()
}

// id is the container that a short name stands for.
func (s *scene) id(name string) string {
	for id, n := range s.names {
		if n == name {
			return id
		}
	}
	s.t.Fatalf("no container is called %q", name)
	return ""
}

// name gives a container the name of its task or executor.
func (s *scene) name(id, wanted string) string {
	if n, ok := s.names[id]; ok {
		return n
	}
	s.count[wanted]++
	if n := s.count[wanted]; n > 1 {
		wanted = fmt.Sprintf("%s.%d", wanted, n)
	}
	s.names[id] = wanted
	return wanted
}

func (s *scene) take() []string {
	out := s.core.Take()
	for _, r := range out.Records {
		if r.Value == nil {
			delete(s.disk, r.Key)
			continue
		}
		b, err := r.Value.MarshalVT()
		if err != nil {
			s.t.Fatal(err)
		}
		s.disk[r.Key] = b
	}
	var lines []string
	for _, e := range out.Effects {
		if l := s.describe(e); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

func (s *scene) describe(e Effect) string {
	switch e := e.(type) {
	case Send:
		return s.describeUp(e.Up)
	case Launch:
		wanted := "?"
		for _, v := range e.Env {
			if id, ok := strings.CutPrefix(v, "MESOS_EXECUTOR_ID="); ok {
				wanted = id
			}
		}
		if p := s.core.processes[e.ID]; p != nil && p.task != nil {
			wanted = p.task.id()
		}
		return fmt.Sprintf("launch %s as %s: %q", s.name(e.ID, wanted), e.User, e.Args)
	case Signal:
		return fmt.Sprintf("signal %s %d", s.names[e.ID], e.Signal)
	case Check:
		return s.describeCheck(e)
	case CancelCheck:
		return fmt.Sprintf("cancel check %d", e.Run)
	case KillAll:
		return "kill " + s.names[e.ID]
	case Destroy:
		return "destroy " + cmp.Or(s.names[e.ID], "pod")
	case CancelLaunch:
		return "cancel " + s.names[e.ID]
	case Reply:
		return strings.TrimSpace(fmt.Sprintf("reply %d %s", e.Status, e.Text))
	case OpenStream:
		return "open stream"
	case CloseStream:
		return "close stream"
	case Event:
		return "event " + describeEvent(e.Event)
	case Reconnect:
		return "reconnect: " + e.Why
	case Exit:
		return "exit: " + e.Message
	case Nest:
		return "make sandbox of the group"
	}
	return ""
}

func describeEvent(e *executor.Event) string {
	text := e.GetType().String()
	switch e.GetType() {
	case executor.Event_LAUNCH:
		text += " " + e.Launch.Task.TaskId.GetValue()
	case executor.Event_LAUNCH_GROUP:
		for _, t := range e.LaunchGroup.TaskGroup.Tasks {
			text += " " + t.TaskId.GetValue()
		}
	case executor.Event_KILL:
		text += " " + e.Kill.TaskId.GetValue()
	case executor.Event_ACKNOWLEDGED:
		text += " " + e.Acknowledged.TaskId.GetValue()
	}
	return text
}

func (s *scene) describeUp(up *link.Up) string {
	switch b := up.Body.(type) {
	case *link.Up_Register:
		text := fmt.Sprintf("register %s applied=%d", b.Register.Agent.Id.GetValue(), b.Register.GetAppliedSeq())
		if b.Register.Agent.Id != nil && b.Register.ClusterId == nil {
			text += " without cluster" // every agent with an id must say whose it is
		}
		for _, x := range b.Register.Executors {
			text += " executor:" + x.Info.ExecutorId.GetValue()
		}
		for _, t := range b.Register.Tasks {
			text += " " + t.TaskId.GetValue() + ":" + t.GetState().String()
		}
		return text
	case *link.Up_Applied:
		return fmt.Sprintf("applied %d", b.Applied.GetSeq())
	case *link.Up_StatusUpdate:
		st := b.StatusUpdate.Status
		text := fmt.Sprintf("update %s %s by %s", st.TaskId.GetValue(), st.GetState(), strings.TrimPrefix(st.GetSource().String(), "SOURCE_"))
		if st.Reason != nil {
			text += " " + st.GetReason().String()
		}
		text += describeHealth(st)
		if st.Message != nil {
			text += ": " + st.GetMessage()
		}
		if st.GetState() != b.StatusUpdate.GetLatestState() {
			text += " (latest " + b.StatusUpdate.GetLatestState().String() + ")"
		}
		return text
	case *link.Up_ExecutorExited:
		return fmt.Sprintf("executor %s exited %d", b.ExecutorExited.ExecutorId.GetValue(), b.ExecutorExited.GetStatus())
	case *link.Up_Unregister:
		return "unregister: " + b.Unregister.GetMessage()
	case *link.Up_Pong:
		return "pong"
	}
	return fmt.Sprintf("%T", up.Body)
}
