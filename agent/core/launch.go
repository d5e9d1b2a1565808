package core

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// launch takes a Launch of the allocator, which is already known to be new.
func (c *Core) launch(l *link.Launch) {
	f := c.ensureFramework(l.Framework)
	tasks := c.unknownTasks(f, l.Tasks)
	if len(tasks) == 0 || c.stopping != "" || f.rec.GetTerminating() {
		c.settleFramework(f)
		return
	}
	if limited := withLimits(tasks); limited != "" && c.limitless {
		c.refuse(f, l, tasks, mesos.TaskStatus_REASON_GC_ERROR,
			"Limits can only be set on tasks of an agent with cgroups; task "+limited+" has some")
		return
	}
	if c.rec.DrainConfig != nil {
		c.refuse(f, l, tasks, mesos.TaskStatus_REASON_AGENT_DRAINING, "Agent is draining")
		return
	}
	if l.Executor == nil {
		for _, info := range tasks {
			c.launchAlone(f, l, info)
		}
		return
	}
	if unknown := c.unknownHoldings(l.Executor.Resources, tasks); unknown != "" {
		c.refuse(f, l, tasks, mesos.TaskStatus_REASON_RESOURCES_UNKNOWN, "This agent has no "+unknown)
		return
	}
	ct := f.executor(l.Executor.ExecutorId.GetValue())
	live := ct != nil && !ct.over()
	switch {
	case live && l.GetLaunchExecutor():
		c.refuse(f, l, tasks, mesos.TaskStatus_REASON_EXECUTOR_TERMINATED, "Executor is already running")
		return
	case !live && !l.GetLaunchExecutor():
		c.refuse(f, l, tasks, mesos.TaskStatus_REASON_EXECUTOR_TERMINATED, "Executor is not running")
		return
	case !live:
		ct = c.newExecutor(f, l.Executor)
	}
	c.addToExecutor(ct, tasks, l.GetGroup(), !live)
}

// launchAlone launches one of the command tasks of l: each for itself.
func (c *Core) launchAlone(f *framework, l *link.Launch, info *mesos.TaskInfo) {
	one := []*mesos.TaskInfo{info}
	if unknown := c.unknownHoldings(nil, one); unknown != "" {
		c.refuse(f, l, one, mesos.TaskStatus_REASON_RESOURCES_UNKNOWN, "This agent has no "+unknown)
		return
	}
	if other := f.executor(info.TaskId.GetValue()); other != nil && !other.over() {
		// The task's id would be that of its executor.
		c.refuse(f, l, one, mesos.TaskStatus_REASON_TASK_INVALID, "An executor with the id of the command task is running")
		return
	}
	c.launchCommand(f, info)
}

// withLimits names the first task with limits of its own, "" if none has.
func withLimits(tasks []*mesos.TaskInfo) string {
	for _, info := range tasks {
		if len(info.Limits) > 0 {
			return info.TaskId.GetValue()
		}
	}
	return ""
}

// unknownTasks leaves out tasks whose id is live here: a second launch of an id
// must never disturb the first.
func (c *Core) unknownTasks(f *framework, infos []*mesos.TaskInfo) []*mesos.TaskInfo {
	var out []*mesos.TaskInfo
	for _, info := range infos {
		if f.tasks[info.TaskId.GetValue()] != nil {
			c.metrics.DuplicateLaunches++
			continue
		}
		out = append(out, info)
	}
	return out
}

// refuse ends tasks of l that will not be launched. The allocator counts with the
// executor that they were to start, and hears that it is not there.
func (c *Core) refuse(f *framework, l *link.Launch, tasks []*mesos.TaskInfo, reason mesos.TaskStatus_Reason, message string) {
	for _, info := range tasks {
		rec := &record.Task{FrameworkId: f.rec.Info.Id, Info: info, ExecutorId: l.Executor.GetExecutorId()}
		c.update(c.addTask(f, nil, rec), status{
			state: f.lost(mesos.TaskState_TASK_DROPPED), source: mesos.TaskStatus_SOURCE_AGENT,
			reason: &reason, message: message,
		})
	}
	if id := l.Executor.GetExecutorId(); id != nil && l.GetLaunchExecutor() {
		if ct := f.executor(id.GetValue()); ct == nil || ct.over() {
			c.sendExit(f, id, -1)
		}
	}
}

func (c *Core) ensureFramework(info *mesos.FrameworkInfo) *framework {
	id := info.GetId().GetValue()
	f := c.frameworks[id]
	if f == nil {
		f = &framework{id: id, rec: &record.Framework{Info: info}, tasks: map[string]*task{}}
		c.frameworks[id] = f
		c.order = append(c.order, f)
		c.touchFramework(f)
		return f
	}
	if !f.rec.Info.EqualVT(info) {
		f.rec.Info = info
		c.touchFramework(f)
	}
	return f
}

func (c *Core) addTask(f *framework, ct *container, rec *record.Task) *task {
	c.ordinal++
	rec.Ordinal = new(c.ordinal)
	t := &task{
		rec: rec, fw: f, ct: ct, fresh: true,
		prog: &record.Progress{State: mesos.TaskState_TASK_STAGING.Enum()},
	}
	f.tasks[t.id()] = t
	f.order = append(f.order, t)
	if ct != nil {
		rec.ContainerId = ct.rec.Id
		ct.tasks = append(ct.tasks, t)
	}
	c.touchTask(t)
	return t
}

func (c *Core) newContainer(f *framework, kind record.Container_Kind, ex *mesos.ExecutorInfo, user string) *container {
	c.ordinal++
	id := c.newID()
	state := record.Container_RUNNING
	if kind == record.Container_CUSTOM {
		state = record.Container_REGISTERING
	}
	ct := &container{fw: f, resubscribed: true, rec: &record.Container{
		Id: &id, FrameworkId: f.rec.Info.Id, Executor: ex, Kind: kind.Enum(), State: state.Enum(),
		Directory: new(filepath.Join(c.opts.WorkDir, "slaves", c.AgentID(), "frameworks", f.id,
			"executors", ex.ExecutorId.GetValue(), "runs", id)),
		Ordinal: new(c.ordinal),
	}}
	if user != "" && !c.opts.KeepUser {
		ct.rec.User = &user
	}
	f.containers = append(f.containers, ct)
	c.containers[id] = ct
	c.touchContainer(ct)
	return ct
}

// user of a command: its own, or the framework's.
func (f *framework) user(cmd *mesos.CommandInfo) string {
	if u := cmd.GetUser(); u != "" {
		return u
	}
	return f.rec.Info.GetUser()
}

func (c *Core) launchCommand(f *framework, info *mesos.TaskInfo) {
	ct := c.newContainer(f, record.Container_COMMAND, commandExecutor(f, info), f.user(info.Command))
	t := c.addTask(f, ct, &record.Task{FrameworkId: f.rec.Info.Id, Info: info})
	c.newProcess(ct, t, ct.id())
	c.launchProcess(t.proc)
}

// What Mesos runs beside every command task. Nothing does here: it is only shown, so
// that readers find what they find with Mesos.
const (
	shownLauncherDir  = "/usr/libexec/mesos"
	shownExecutor     = "mesos-executor"
	shownExecutorCPUs = 0.1
	shownExecutorMem  = 32 // MiB
	// shownGraceBuffer is what Mesos adds to the task's grace period.
	shownGraceBuffer = 2e9
)

// commandExecutor is the executor that Mesos shows for a command task.
func commandExecutor(f *framework, info *mesos.TaskInfo) *mesos.ExecutorInfo {
	id, cmd := info.TaskId.GetValue(), info.Command
	ex := &mesos.ExecutorInfo{
		ExecutorId:  &mesos.ExecutorID{Value: &id},
		FrameworkId: f.rec.Info.Id,
		Command: &mesos.CommandInfo{
			Shell: new(false), Value: new(shownLauncherDir + "/" + shownExecutor),
			Arguments: []string{shownExecutor, "--launcher_dir=" + shownLauncherDir},
			Uris:      cmd.GetUris(), Environment: cmd.GetEnvironment(), User: cmd.User,
		},
		Container: info.Container,
		Name:      new(fmt.Sprintf("Command Executor (Task: %s) (Command: %s)", id, commandLabel(cmd))),
		//lint:ignore SA1019 tools read it
		Source:    &id,
		Labels:    info.Labels,
		Discovery: info.Discovery,
	}
	if info.GetContainer().GetMesos().GetImage() != nil && info.GetContainer().GetType() == mesos.ContainerInfo_MESOS {
		ex.Command.Arguments = append(ex.Command.Arguments, "--sandbox_directory=/mnt/mesos/sandbox", "--user="+f.user(cmd))
	}
	for _, part := range []struct {
		name  string
		value float64
	}{{"cpus", shownExecutorCPUs}, {"mem", shownExecutorMem}} {
		r := &mesos.Resource{Name: &part.name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &part.value}}
		if len(info.Resources) > 0 {
			r.AllocationInfo = info.Resources[0].AllocationInfo
		}
		ex.Resources = append(ex.Resources, r)
	}
	if g := info.GetKillPolicy().GetGracePeriod(); g != nil {
		ex.ShutdownGracePeriod = &mesos.DurationInfo{Nanoseconds: new(g.GetNanoseconds() + shownGraceBuffer)}
	}
	return ex
}

func commandLabel(cmd *mesos.CommandInfo) string {
	cut := func(s string) string {
		if len(s) > 15 {
			return s[:12] + "..."
		}
		return s
	}
	switch {
	case cmd.GetShell() && cmd.Value == nil:
		return "NO COMMAND"
	case cmd.GetShell():
		return "sh -c '" + cut(cmd.GetValue()) + "'"
	case cmd.Value == nil:
		return "NO EXECUTABLE"
	}
	return "[" + cut(cmd.GetValue()+", "+strings.Join(cmd.GetArguments(), ", ")) + "]"
}

func (c *Core) newExecutor(f *framework, ex *mesos.ExecutorInfo) *container {
	if ex.GetType() == mesos.ExecutorInfo_DEFAULT {
		return c.newContainer(f, record.Container_DEFAULT, ex, f.user(ex.Command))
	}
	ct := c.newContainer(f, record.Container_CUSTOM, ex, f.user(ex.Command))
	c.newProcess(ct, nil, ct.id())
	return ct
}

// addToExecutor gives tasks to a live executor: members of a DEFAULT executor are
// launched, a custom executor gets an event once it has subscribed.
func (c *Core) addToExecutor(ct *container, infos []*mesos.TaskInfo, group, first bool) {
	number := uint64(0)
	if group {
		c.ordinal++
		number = c.ordinal
	}
	var added []*task
	for _, info := range infos {
		rec := &record.Task{FrameworkId: ct.fw.rec.Info.Id, Info: info, Group: &number}
		t := c.addTask(ct.fw, ct, rec)
		if !ct.custom() {
			rec.NestedId = new(c.newID())
			c.newProcess(ct, t, memberID(ct, rec))
		}
		added = append(added, t)
	}
	switch {
	case ct.custom() && first:
		c.launchProcess(ct.proc)
		c.arm(timer{kind: timerRegister, ct: ct, at: c.now.Mono + c.opts.RegistrationTimeout})
	case ct.custom():
		c.resize(ct)
		if ct.stream != 0 {
			c.deliver(ct)
		}
	default:
		// Again for later groups: the pod's limits have grown.
		if err := c.nest(ct); err != nil {
			c.failMembers(added, err)
			return
		}
		for _, t := range added {
			c.launchProcess(t.proc)
		}
	}
}

func (c *Core) nest(ct *container) error {
	volumes, err := c.volumes(ct, ct.rec.Executor.Resources)
	if err != nil {
		return err
	}
	c.emit(Nest{
		ID: ct.id(), Directory: ct.rec.GetDirectory(), Latest: latest(ct), User: ct.rec.GetUser(), Volumes: volumes,
		Container: ct.rec.Executor.Container, Limits: c.limits(ct), Disk: c.diskBox(ct),
	})
	return nil
}

// memberID is the kernel's name for the container of a member of a task group: inside
// that of its pod, whose limits it shares, unless it wants limits of its own.
func memberID(ct *container, rec *record.Task) string {
	if sharesCgroups(rec.Info.Container) {
		return ct.id() + "/" + rec.GetNestedId()
	}
	return ct.id() + "." + rec.GetNestedId()
}

// failMembers ends members whose executor cannot be.
func (c *Core) failMembers(members []*task, err error) {
	for _, t := range members {
		c.launchFailed(LaunchFailed{ID: t.proc.id, Message: err.Error()})
	}
}

func latest(ct *container) string {
	return filepath.Join(filepath.Dir(ct.rec.GetDirectory()), "latest")
}

func (c *Core) newProcess(ct *container, t *task, id string) *process {
	p := &process{id: id, ct: ct, task: t, rec: &record.Process{Phase: record.Process_LAUNCHING.Enum()}}
	c.adoptProcess(p)
	return p
}

// adoptProcess enters p where its owner and its id are looked up.
func (c *Core) adoptProcess(p *process) {
	c.processes[p.id] = p
	if p.task != nil {
		p.task.proc, p.task.prog.Process = p, p.rec
	} else {
		p.ct.proc, p.ct.rec.Process = p, p.rec
	}
}

// launchProcess asks the driver to start p. All of the request follows from the
// records, so that it can be made again after a restart.
func (c *Core) launchProcess(p *process) {
	l, err := c.launchOf(p)
	switch {
	case errors.As(err, new(noCommand)) && p.task != nil:
		c.endWithoutCommand(p, err)
		return
	case err != nil:
		docker := l.Container.GetType() == mesos.ContainerInfo_DOCKER
		c.launchFailed(LaunchFailed{ID: p.id, Message: err.Error(), NoContainerizer: docker})
		return
	}
	c.emit(l)
}

// noCommand says what a command lacks to be run.
type noCommand string

func (n noCommand) Error() string { return string(n) }

// endWithoutCommand ends a task as Mesos does, whose executor starts and then finds
// that there is nothing to run.
func (c *Core) endWithoutCommand(p *process, err error) {
	c.metrics.LaunchErrors++
	p.rec.Phase = record.Process_EXITED.Enum()
	c.touchProcess(p)
	c.update(p.task, status{state: mesos.TaskState_TASK_STARTING, source: mesos.TaskStatus_SOURCE_EXECUTOR})
	c.endWith(p.task, &record.Ending{
		State:   mesos.TaskState_TASK_FAILED.Enum(),
		Reason:  mesos.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum(),
		Message: new("Executor terminated: " + err.Error()),
	})
	c.taskEnded(p.task)
}

func (c *Core) launchOf(p *process) (Launch, error) {
	ct := p.ct
	l := Launch{ID: p.id, Directory: ct.rec.GetDirectory(), Latest: latest(ct), User: ct.rec.GetUser(), Limits: c.limits(ct), Disk: c.diskBox(ct)}
	cmd, box, held := ct.rec.Executor.Command, ct.rec.Executor.Container, ct.rec.Executor.Resources
	if t := p.task; t != nil {
		cmd, box, held = t.rec.Info.Command, t.rec.Info.Container, t.rec.Info.Resources
		if nested := t.rec.GetNestedId(); nested != "" {
			l.Pod = l.Directory
			l.Latest = filepath.Join(l.Directory, "tasks", t.id())
			l.Directory = filepath.Join(l.Directory, "containers", nested)
			l.Limits, l.Disk, l.Shared = c.ownLimits(t), nil, isBelow(p.id)
			if u := cmd.GetUser(); u != "" && !c.opts.KeepUser {
				l.User = u
			}
		}
	}
	l.Container = box
	if why := unsupported(box); why != "" {
		return l, fmt.Errorf("%s", why)
	}
	env, err := c.environmentOf(p, l.Directory)
	if err != nil {
		return l, err
	}
	if l.Volumes, err = c.volumes(ct, held); err != nil {
		return l, err
	}
	l.Env, l.URIs, l.IO = env.list, cmd.GetUris(), ioOf(box, false)
	l.Path, l.Args, err = argv(cmd)
	return l, err
}

func (c *Core) environmentOf(p *process, directory string) (*environment, error) {
	if p.task != nil {
		return c.taskEnvironment(p.task, directory)
	}
	e := c.executorEnvironment(p.ct, directory)
	return e, e.addCommand(p.ct.rec.Executor.Command)
}

// argv turns a command into a program and its arguments: a shell line runs under
// /bin/sh -c; otherwise arguments holds everything, argv[0] included.
func argv(cmd *mesos.CommandInfo) (path string, args []string, err error) {
	if cmd.GetShell() {
		if cmd.Value == nil {
			return "", nil, noCommand("got a shell command without value, want a line to run")
		}
		return "/bin/sh", []string{"sh", "-c", cmd.GetValue()}, nil
	}
	if cmd.GetValue() == "" {
		return "", nil, noCommand("got a command with shell=false and without value, want the path of a program")
	}
	args = cmd.GetArguments()
	if len(args) == 0 {
		args = []string{cmd.GetValue()}
	}
	return cmd.GetValue(), args, nil
}

// unsupported says what of a container this agent cannot provide, "" if nothing.
// Names of networks are not looked at, as in a Mesos without its network isolators.
func unsupported(box *mesos.ContainerInfo) string {
	switch {
	case box == nil:
		return ""
	case box.GetType() == mesos.ContainerInfo_DOCKER:
		return "Unsupported container type: DOCKER"
	case box.GetMesos().GetImage() != nil:
		return "Unsupported container image type: " + box.GetMesos().GetImage().GetType().String()
	}
	for _, v := range box.GetVolumes() {
		if !knownVolume(v) {
			return "Unsupported container volume: " + v.GetContainerPath()
		}
	}
	return ""
}
