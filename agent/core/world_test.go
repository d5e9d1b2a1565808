package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
)

// world is everything around a Core, simulated: a disk, a kernel, an allocator and
// custom executors. The agent may die between any two steps of it.
type world struct {
	t    fataler
	now  Time
	seed byte

	core *Core
	disk map[string][]byte

	// kernel: the processes by container, and how often each was started.
	procs   map[string]*simProcess
	limits  map[string]Limits
	starts  map[string]int
	nextPid int
	// inbox holds what happened and the agent has not been told: it is lost when
	// the agent dies.
	inbox []Command
	// pending launches that the driver works on.
	launching []Launch
	// replies to calls about containers, as "status text".
	replies []string

	// allocator
	linked  bool
	outbox  []*link.Down
	sent    int // frames of the outbox that went over this link
	applied uint64
	alloc   map[string]*simTask
	order   []string
	acks    []*link.Acknowledge
	disks   simDisks
	// sends counts the updates that arrived, by task; destroyed lists containers.
	sends      map[string]int
	destroyed  []string
	heartbeats int
	replied    []int // statuses that executors were answered with
	bootID     string
	// reconfigure changes the options of the agents to come, if it is set.
	reconfigure func(*Options)
	// muteOperations leaves the ends of operations unacknowledged.
	muteOperations bool
	reports        []*link.OperationUpdate
	// executors by container id
	executors map[string]*simExecutor
	tokens    Token
}

type simProcess struct {
	pid   int
	alive bool
	// status is kept by the kernel until the container is destroyed.
	status int
}

// simTask is what the allocator knows of a task.
type simTask struct {
	states   []mesos.TaskState
	seen     map[string]bool
	last     string // uuid of the latest new update
	lastTask *link.StatusUpdate
	custom   bool
}

// simExecutor is a custom executor's process.
type simExecutor struct {
	token   Token
	fw, id  string
	tasks   map[string]*mesos.TaskInfo // launched, nothing acknowledged yet
	unacked []*executor.Call_Update
	running map[string]bool
}

func newWorld(t fataler) *world {
	w := &world{
		t: t, now: Time{Wall: 1e18, Mono: 1}, disk: map[string][]byte{}, procs: map[string]*simProcess{},
		starts: map[string]int{}, limits: map[string]Limits{}, alloc: map[string]*simTask{}, executors: map[string]*simExecutor{}, disks: newSimDisks(),
		sends: map[string]int{}, bootID: "boot",
	}
	w.boot()
	return w
}

func testOptions(seed byte) Options {
	return Options{
		WorkDir: "/w", IP: "10.0.0.1", Port: 5051, Hostname: "n", BootID: "boot", Instance: "i",
		Resources: []*mesos.Resource{
			{Name: new("cpus"), Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: new(4.0)}}, simDisk(1000), simMount(),
		},
		Seed: [32]byte{seed},
	}
}

// boot starts an agent on what is on disk.
func (w *world) boot() {
	w.seed++
	opts := testOptions(w.seed)
	opts.BootID = w.bootID
	if w.reconfigure != nil {
		w.reconfigure(&opts)
	}
	w.core = New(opts)
	for _, k := range slices.Sorted(maps.Keys(w.disk)) {
		if err := w.core.Load(k, w.disk[k]); err != nil {
			w.t.Fatalf("load: %v", err)
		}
	}
	refs, containers := w.core.Assemble()
	w.destroyOthers(refs, containers)
	facts := map[string]Fact{}
	for _, r := range refs {
		facts[r.ID] = w.fact(r)
	}
	if err := w.core.Recover(w.now, facts); err != nil {
		w.t.Fatal(err)
	}
	w.turn(-1)
}

func (w *world) fact(r ProcessRef) Fact {
	p := w.procs[r.ID]
	switch {
	case p == nil && r.Launching:
		return Fact{Absent: true}
	case p == nil:
		w.t.Fatalf("the kernel forgot container %s, which the agent had not destroyed", r.ID)
	case p.alive:
		return Fact{Alive: true, Pid: p.pid, StartTicks: uint64(p.pid)}
	}
	// Of a launch that was not recorded the pid is unknown, and so the status.
	return Fact{Known: !r.Launching, WaitStatus: p.status, Pid: p.pid, StartTicks: uint64(p.pid)}
}

// die kills the agent: what was not committed is forgotten, as are the link, the
// streams and what the driver was about to do.
func (w *world) die() {
	w.inbox, w.launching, w.linked = nil, nil, false
	for _, x := range w.executors {
		x.token = 0
	}
}

// turn commits and carries out. With dieAfter >= 0 the agent dies after that many
// effects; at 0 after the commit. -2 dies before the commit.
func (w *world) turn(dieAfter int) {
	out := w.core.Take()
	if dieAfter == -2 {
		w.reboot()
		return
	}
	for _, r := range out.Records {
		if r.Value == nil {
			delete(w.disk, r.Key)
			continue
		}
		b, err := r.Value.MarshalVT()
		if err != nil {
			w.t.Fatal(err)
		}
		if b == nil {
			b = []byte{}
		}
		w.disk[r.Key] = b
	}
	for i, e := range out.Effects {
		if i == dieAfter {
			w.reboot()
			return
		}
		w.do(e)
	}
}

func (w *world) reboot() {
	w.die()
	w.boot()
}

func (w *world) do(e Effect) {
	switch e := e.(type) {
	case Send:
		if w.linked {
			w.receive(e.Up)
		}
	case Reconnect:
		w.linked = false
		w.inbox = append(w.inbox, Disconnected{})
	case Launch:
		w.launching = append(w.launching, e)
	case CancelLaunch:
		for i, l := range w.launching {
			if l.ID == e.ID {
				w.launching = slices.Delete(w.launching, i, i+1)
				w.inbox = append(w.inbox, LaunchFailed{ID: e.ID, Message: "cancelled"})
				break
			}
		}
	case Signal:
		w.end(e.ID, e.Signal)
	case KillAll:
		w.end(e.ID, sigKill)
	case Destroy:
		w.end(e.ID, sigKill)
		delete(w.procs, e.ID)
		w.destroyed = append(w.destroyed, e.ID)
	case Reply:
		w.replied = append(w.replied, e.Status)
	case OpenStream, CloseStream:
	case ContainerReply:
		w.replies = append(w.replies, replyText(e))
	case SignalProcess:
		if p := w.procs[e.ID]; p == nil || p.pid != e.Pid {
			w.t.Fatalf("signal to process %d of container %s, which is not there", e.Pid, e.ID)
		}
	case Exit, RemoveSandbox:
	case Event:
		w.executorEvent(e)
	case Check:
		// Some checks fail, some so often that their tasks are killed for it.
		if w.procs[e.ID] == nil {
			w.t.Fatalf("a check of container %s, which is not there", e.ID)
		}
		w.inbox = append(w.inbox, Checked{ID: e.ID, Run: e.Run, Code: int(e.Run / 2 % 2)})
	case ChangeVolume:
		w.inbox = append(w.inbox, w.disks.change(e))
	case SweepVolumes:
		w.disks.sweep(e)
	case Resize:
		w.limit(e.ID, e.Limits)
	case Nest, Discard, CancelCheck:
	default:
		w.t.Fatalf("unexpected effect %T", e)
	}
}

func replyText(r ContainerReply) string {
	text := fmt.Sprint(r.Status)
	if end := r.Termination; end != nil && end.ExitStatus != nil {
		text += fmt.Sprint(" exit ", end.GetExitStatus())
	} else if end != nil {
		text += " " + end.GetMessage()
	}
	if r.Text != "" {
		text += " " + r.Text
	}
	return text
}

// end ends a process and tells the agent.
func (w *world) end(id string, status int) {
	p := w.procs[id]
	if p == nil || !p.alive {
		return
	}
	p.alive, p.status = false, status
	w.inbox = append(w.inbox, Exited{ID: id, WaitStatus: status, Known: true})
	delete(w.executors, id)
}

// startOne lets the driver finish one launch.
func (w *world) startOne(i int, fail bool) {
	l := w.launching[i]
	w.launching = slices.Delete(w.launching, i, i+1)
	if fail {
		w.inbox = append(w.inbox, LaunchFailed{ID: l.ID, Message: "no such program"})
		return
	}
	w.starts[l.ID]++
	if w.starts[l.ID] > 1 {
		w.t.Fatalf("container %s was started twice", l.ID)
	}
	w.nextPid++
	w.procs[l.ID] = &simProcess{pid: w.nextPid, alive: true}
	w.limit(l.ID, l.Limits)
	w.inbox = append(w.inbox, Started{ID: l.ID, Pid: w.nextPid, StartTicks: uint64(w.nextPid)})
	if slices.Contains(l.Args, "custom") {
		x := &simExecutor{tasks: map[string]*mesos.TaskInfo{}, running: map[string]bool{}}
		for _, v := range l.Env {
			if s, ok := strings.CutPrefix(v, "MESOS_FRAMEWORK_ID="); ok {
				x.fw = s
			}
			if s, ok := strings.CutPrefix(v, "MESOS_EXECUTOR_ID="); ok {
				x.id = s
			}
		}
		w.executors[l.ID] = x
	}
}

// receive is the allocator's side of the link.
func (w *world) receive(up *link.Up) {
	switch b := up.Body.(type) {
	case *link.Up_Register:
		w.applied = b.Register.GetAppliedSeq()
		// Frames too many, as when the answers to them were lost.
		w.sent = max(0, int(w.applied)-10)
		id := "S0"
		w.down(&link.Down{Body: &link.Down_Registered{Registered: &link.Registered{
			AgentId: &mesos.AgentID{Value: &id}, ClusterId: new("c"),
		}}})
	case *link.Up_Applied:
		w.applied = b.Applied.GetSeq()
	case *link.Up_StatusUpdate:
		w.update(b.StatusUpdate)
	case *link.Up_OperationUpdate:
		w.operationUpdate(b.OperationUpdate)
	}
}

func (w *world) down(d *link.Down) {
	d.Term = new(uint64(1))
	w.inbox = append(w.inbox, Frame{Down: d})
}

// update checks what every scheduler relies on: the updates of a task come in
// order, one at a time, and the last is terminal.
func (w *world) update(u *link.StatusUpdate) {
	id := u.Status.TaskId.GetValue()
	t := w.alloc[id]
	if t == nil {
		w.t.Fatalf("update for task %s, which was never launched", id)
	}
	w.sends[id]++
	u = u.CloneVT()
	uuid := string(u.Status.Uuid)
	if uuid == t.last {
		return
	}
	if t.seen[uuid] {
		w.t.Fatalf("task %s: an earlier update comes again after a later one", id)
	}
	if n := len(t.states); n > 0 && Terminal(t.states[n-1]) {
		w.t.Fatalf("task %s: %v after terminal %v", id, u.Status.GetState(), t.states)
	}
	if t.last != "" && !w.acked(id, t.last) {
		w.t.Fatalf("task %s: a second update before the first was acknowledged", id)
	}
	t.seen[uuid], t.last, t.lastTask = true, uuid, u
	t.states = append(t.states, u.Status.GetState())
}

func (w *world) acked(task, uuid string) bool {
	return slices.ContainsFunc(w.acks, func(a *link.Acknowledge) bool {
		return a.TaskId.GetValue() == task && string(a.Uuid) == uuid
	})
}

func (w *world) enqueue(d *link.Down) {
	d.Seq = new(uint64(len(w.outbox) + 1))
	w.outbox = append(w.outbox, d)
}

// ack acknowledges the latest update of a task, if that was not done.
func (w *world) ack(id string) bool {
	t := w.alloc[id]
	if t.last == "" || w.acked(id, t.last) {
		return false
	}
	a := &link.Acknowledge{
		FrameworkId: t.lastTask.FrameworkId, TaskId: t.lastTask.Status.TaskId, Uuid: t.lastTask.Status.Uuid,
	}
	w.acks = append(w.acks, a)
	w.enqueue(&link.Down{Body: &link.Down_Acknowledge{Acknowledge: a}})
	return true
}

var fwInfo = &mesos.FrameworkInfo{
	User: new("u"), Name: new("f"), Id: &mesos.FrameworkID{Value: new("F")}, Checkpoint: new(true),
	Capabilities: []*mesos.FrameworkInfo_Capability{
		{Type: mesos.FrameworkInfo_Capability_TASK_KILLING_STATE.Enum()},
		{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE.Enum()},
	},
}

func (w *world) newTask(kind string) *mesos.TaskInfo {
	id := fmt.Sprintf("%s%d", kind, len(w.order))
	w.alloc[id] = &simTask{seen: map[string]bool{}, custom: kind == "custom"}
	w.order = append(w.order, id)
	info := &mesos.TaskInfo{Name: &id, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: new("S0")}}
	info.Resources = memOf(64)
	if kind != "custom" {
		info.Command = &mesos.CommandInfo{Value: new("run")}
	}
	if kind == "cmd" && len(w.order)%2 == 0 {
		info.HealthCheck = &mesos.HealthCheck{
			Type: mesos.HealthCheck_TCP.Enum(), Tcp: &mesos.HealthCheck_TCPCheckInfo{Port: new(uint32(80))},
			DelaySeconds: new(0.5), IntervalSeconds: new(1.0), GracePeriodSeconds: new(0.0), ConsecutiveFailures: new(uint32(2)),
		}
		info.Check = &mesos.CheckInfo{Type: mesos.CheckInfo_TCP.Enum(), Tcp: &mesos.CheckInfo_Tcp{Port: new(uint32(80))}}
	}
	return info
}

func (w *world) launchCommand() {
	w.enqueue(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: fwInfo, Tasks: []*mesos.TaskInfo{w.newTask("cmd")},
	}}})
}

// launchExecutor launches two tasks on a new executor.
func (w *world) launchExecutor(kind string) {
	ex := &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: new(fmt.Sprintf("%s-ex%d", kind, len(w.order)))}}
	ex.Type = mesos.ExecutorInfo_DEFAULT.Enum()
	if kind == "custom" {
		ex.Type = mesos.ExecutorInfo_CUSTOM.Enum()
		ex.Command = &mesos.CommandInfo{Shell: new(false), Value: new("x"), Arguments: []string{"custom"}}
	}
	w.enqueue(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: fwInfo, Executor: ex, Group: new(kind != "custom"), LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{w.newTask(kind), w.newTask(kind)},
	}}})
}

func (w *world) kill(id string) {
	w.enqueue(&link.Down{Body: &link.Down_Kill{Kill: &link.Kill{
		FrameworkId: fwInfo.Id, TaskId: &mesos.TaskID{Value: &id},
	}}})
}

// killed reports whether a kill was sent after the launch; once has to be enough.
func (w *world) killed(id string) bool {
	return slices.ContainsFunc(w.outbox, func(d *link.Down) bool { return d.GetKill().GetTaskId().GetValue() == id })
}

// executorEvent is a custom executor's side of its stream.
func (w *world) executorEvent(e Event) {
	for _, id := range slices.Sorted(maps.Keys(w.executors)) {
		x := w.executors[id]
		if x.token != e.Token {
			continue
		}
		switch e.Event.GetType() {
		case executor.Event_LAUNCH:
			task := e.Event.Launch.Task
			if x.running[task.TaskId.GetValue()] {
				w.t.Fatalf("task %s was handed to its executor twice", task.TaskId.GetValue())
			}
			x.running[task.TaskId.GetValue()] = true
			x.tasks[task.TaskId.GetValue()] = task.CloneVT()
			w.executorUpdate(x, task.TaskId.GetValue(), mesos.TaskState_TASK_RUNNING)
		case executor.Event_KILL:
			task := e.Event.Kill.TaskId.GetValue()
			if x.running[task] {
				x.running[task] = false
				w.executorUpdate(x, task, mesos.TaskState_TASK_KILLED)
			}
		case executor.Event_ACKNOWLEDGED:
			x.unacked = slices.DeleteFunc(x.unacked, func(u *executor.Call_Update) bool {
				return string(u.Status.Uuid) == string(e.Event.Acknowledged.Uuid)
			})
			delete(x.tasks, e.Event.Acknowledged.TaskId.GetValue())
		case executor.Event_HEARTBEAT:
			w.heartbeats++
		case executor.Event_SHUTDOWN:
			w.end(id, 0)
		}
	}
}

func (w *world) executorUpdate(x *simExecutor, task string, s mesos.TaskState) {
	w.nextPid++
	uuid := fmt.Appendf(nil, "uuid-%011d", w.nextPid)
	u := &executor.Call_Update{Status: &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: &task}, State: s.Enum(), Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: uuid,
	}}
	x.unacked = append(x.unacked, u)
	if x.token != 0 {
		w.executorCall(x, &executor.Call{Type: executor.Call_UPDATE.Enum(), Update: u.CloneVT()})
	}
}

func (w *world) executorCall(x *simExecutor, call *executor.Call) {
	call.FrameworkId, call.ExecutorId = &mesos.FrameworkID{Value: &x.fw}, &mesos.ExecutorID{Value: &x.id}
	w.tokens++
	if call.GetType() == executor.Call_SUBSCRIBE {
		x.token = w.tokens
	}
	w.inbox = append(w.inbox, ExecutorCall{Token: w.tokens, Call: call})
}

func (w *world) subscribe(x *simExecutor) {
	sub := &executor.Call_Subscribe{}
	for _, u := range x.unacked {
		sub.UnacknowledgedUpdates = append(sub.UnacknowledgedUpdates, u.CloneVT())
	}
	for _, id := range slices.Sorted(maps.Keys(x.tasks)) {
		sub.UnacknowledgedTasks = append(sub.UnacknowledgedTasks, x.tasks[id].CloneVT())
	}
	w.executorCall(x, &executor.Call{Type: executor.Call_SUBSCRIBE.Enum(), Subscribe: sub})
}

// tell hands the agent the next thing that happened.
func (w *world) tell(dieAfter int) {
	c := w.inbox[0]
	w.inbox = w.inbox[1:]
	w.core.Step(w.now, c)
	w.turn(dieAfter)
}

func (w *world) connect() {
	w.linked, w.sent = true, len(w.outbox)
	w.inbox = append(w.inbox, Connected{})
}

// flush sends what the outbox holds and the link has not carried.
func (w *world) flush() {
	for w.linked && w.sent < len(w.outbox) {
		w.sent++
		w.down(w.outbox[w.sent-1].CloneVT())
	}
}

func (w *world) advance(ns int64) {
	w.now.Mono += ns
	w.now.Wall += ns
	w.core.Step(w.now, Tick{})
	w.turn(-1)
}

// settle lets everything run to its end, with a few more faults on the way.
func (w *world) settle(t *rapid.T) {
	faults := rapid.IntRange(0, 6).Draw(t, "faults")
	for range 400 {
		busy := false
		if faults > 0 && rapid.IntRange(0, 3).Draw(t, "fault") == 0 {
			faults--
			w.fault(t)
		}
		if !w.linked {
			w.connect()
			busy = true
		}
		for range min(len(w.inbox), 5) {
			die := -1
			if faults > 0 && rapid.IntRange(0, 9).Draw(t, "fault in a turn") == 0 {
				faults--
				die = rapid.IntRange(-2, 2).Draw(t, "die after")
			}
			w.tell(die)
			busy = true
			if len(w.inbox) == 0 {
				break
			}
		}
		if len(w.launching) > 0 {
			w.startOne(0, false)
			busy = true
		}
		for _, id := range slices.Sorted(maps.Keys(w.executors)) {
			if w.executors[id].token == 0 {
				w.subscribe(w.executors[id])
				busy = true
			}
		}
		for _, id := range w.order {
			busy = w.ack(id) || busy
		}
		if w.sent < len(w.outbox) {
			w.flush()
			busy = true
		}
		if !busy && w.idle() {
			return
		}
		if !busy {
			w.advance(second)
		}
	}
	w.t.Fatalf("the world does not come to rest: %s", w.describe())
}

func (w *world) fault(t *rapid.T) {
	if rapid.Bool().Draw(t, "cut") {
		w.linked = false
		w.inbox = append(w.inbox, Disconnected{})
		return
	}
	w.reboot()
}

// idle reports whether every task has ended and the agent holds nothing.
func (w *world) idle() bool {
	for _, id := range w.order {
		s := w.alloc[id].states
		if len(s) == 0 || !Terminal(s[len(s)-1]) {
			return false
		}
	}
	return len(w.core.frameworks) == 0 && len(w.core.operations) == 0 && w.applied == uint64(len(w.outbox))
}

func (w *world) describe() string {
	out := fmt.Sprintf("applied %d of %d, frameworks %d, containers %d;", w.applied, len(w.outbox), len(w.core.frameworks), len(w.core.containers))
	for _, id := range w.order {
		out += fmt.Sprint(" ", id, w.alloc[id].states)
	}
	return out
}

// Over random histories with crashes between any two effects no task is lost, none
// is started twice, updates come in order, and nothing is left over in the end.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.connect()
		actions := rapid.IntRange(5, 150).Draw(t, "actions")
		for range actions {
			w.act(t)
			w.limitsHold()
		}
		if rapid.IntRange(0, 4).Draw(t, "teardown") == 0 {
			w.teardown(t)
			return
		}
		// Custom executors do not end on their own.
		for _, id := range w.order {
			if !w.killed(id) {
				w.kill(id)
			}
		}
		w.endExecutors(t)
	})
}

func (w *world) endExecutors(t *rapid.T) {
	for range 400 {
		if len(w.inbox) == 0 && len(w.launching) == 0 {
			break
		}
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		for len(w.launching) > 0 {
			w.startOne(0, false)
		}
	}
	// From now on nobody asks for custom executors: they are shut down.
	seen := map[string]bool{}
	for _, d := range w.outbox {
		if l := d.GetLaunch(); l != nil && l.Executor.GetType() == mesos.ExecutorInfo_CUSTOM && !seen[l.Executor.ExecutorId.GetValue()] {
			seen[l.Executor.ExecutorId.GetValue()] = true
			w.enqueue(&link.Down{Body: &link.Down_ShutdownExecutor{ShutdownExecutor: &link.ShutdownExecutor{
				FrameworkId: fwInfo.Id, ExecutorId: l.Executor.ExecutorId,
			}}})
		}
	}
	w.settle(t)
	w.nothingLeft(t)
}

// teardown ends the framework: no update is owed any more.
func (w *world) teardown(t *rapid.T) {
	w.enqueue(&link.Down{Body: &link.Down_ShutdownFramework{ShutdownFramework: &link.ShutdownFramework{FrameworkId: fwInfo.Id}}})
	for range 400 {
		if !w.linked {
			w.connect()
		}
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		for len(w.launching) > 0 {
			w.startOne(0, false)
		}
		if w.applied == uint64(len(w.outbox)) && len(w.core.frameworks) == 0 && len(w.core.operations) == 0 && len(w.inbox) == 0 {
			w.nothingLeft(t)
			return
		}
		w.flush()
		if len(w.inbox) == 0 {
			w.advance(second)
		}
	}
	t.Fatalf("the framework does not go: %s", w.describe())
}

func (w *world) nothingLeft(t *rapid.T) {
	w.endAnnexes()
	for id, p := range w.procs {
		if p.alive {
			t.Fatalf("process of container %s is left over", id)
		}
	}
	for key := range w.disk {
		if key != record.AgentKey && key != record.ResourcesKey && !strings.HasPrefix(key, "completed/") {
			t.Fatalf("record %s is left over", key)
		}
	}
	for id, n := range w.starts {
		if n != 1 {
			t.Fatalf("container %s was started %d times", id, n)
		}
	}
	w.volumesAreRight()
}

func (w *world) act(t *rapid.T) {
	die := rapid.SampledFrom([]int{-1, -1, -1, -1, -2, 0, 1, 2}).Draw(t, "die after")
	switch rapid.SampledFrom([]string{
		"launch", "group", "custom", "kill", "tell", "tell", "tell", "tell", "start", "start", "flush", "flush",
		"ack", "ack", "exit", "cut", "connect", "advance", "subscribe", "subscribe", "fail", "die", "volume", "volume", "write",
		"annex", "annex", "more", "more",
	}).Draw(t, "action") {
	case "annex":
		w.actAnnex(t, die)
	case "launch":
		w.launchCommand()
	case "group":
		w.launchExecutor("group")
	case "custom":
		w.launchExecutor("custom")
	case "more":
		if list := w.customExecutors(); len(list) > 0 {
			w.launchOnto(rapid.SampledFrom(list).Draw(t, "executor"))
		}
	case "kill":
		if len(w.order) > 0 {
			w.kill(rapid.SampledFrom(w.order).Draw(t, "task"))
		}
	case "tell":
		for n := rapid.IntRange(1, 6).Draw(t, "commands"); n > 1 && len(w.inbox) > 1; n-- {
			w.tell(-1)
		}
		if len(w.inbox) > 0 {
			w.tell(die)
		}
	case "start", "fail":
		if n := len(w.launching); n > 0 {
			w.startOne(rapid.IntRange(0, n-1).Draw(t, "launch"), rapid.IntRange(0, 5).Draw(t, "fails") == 0)
		}
	case "flush":
		w.flush()
	case "ack":
		if len(w.order) > 0 {
			w.ack(rapid.SampledFrom(w.order).Draw(t, "task"))
		}
	case "exit":
		if ids := slices.Sorted(maps.Keys(w.procs)); len(ids) > 0 {
			w.end(rapid.SampledFrom(ids).Draw(t, "process"), rapid.SampledFrom([]int{0, 256, 9}).Draw(t, "status"))
		}
	case "cut":
		if w.linked {
			w.linked = false
			w.inbox = append(w.inbox, Disconnected{})
		}
	case "connect":
		if !w.linked {
			w.connect()
		}
	case "advance":
		w.advance(rapid.SampledFrom([]int64{second / 10, second, 12 * second, 70 * second}).Draw(t, "by"))
	case "subscribe":
		if ids := slices.Sorted(maps.Keys(w.executors)); len(ids) > 0 {
			w.subscribe(w.executors[rapid.SampledFrom(ids).Draw(t, "executor")])
		}
	case "die":
		w.reboot()
	case "volume":
		w.changeVolume(rapid.SampledFrom([]string{"v0", "v1", "m0"}).Draw(t, "volume"))
	case "write":
		w.writeVolumes()
	}
}

// fataler is the part of a test that a world needs.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
