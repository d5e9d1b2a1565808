package core

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/wire/mesos"
)

// annex is a container that was launched through the operator API, from its launch
// until it is removed or its root is gone.
type annex struct {
	id   ContainerID
	rec  *record.Annex
	proc *process
	// launcher waits for the process to run; 0: nobody does.
	launcher Token
	dirty    bool
	gone     bool
}

// maxAnnexes bounds how many there are at a time, those that have ended included.
const maxAnnexes = 4096

func (a *annex) key() string    { return a.id.String() }
func (a *annex) live() bool     { return a.rec.Termination == nil }
func (a *annex) dead() bool     { return !a.live() }
func (a *annex) isNested() bool { return len(a.id) > 1 }

func (a *annex) write(c *Core) {
	a.dirty = false
	if a.gone {
		c.erase(record.AnnexKey(a.key()))
		return
	}
	c.put(record.AnnexKey(a.key()), a.rec)
}

func (c *Core) touchAnnex(a *annex) {
	if !a.dirty {
		a.dirty = true
		c.dirty = append(c.dirty, a)
	}
}

// box is any container by which others can be named: that of an executor, of a
// member of a task group, or an annex.
type box struct {
	// ct is the run of the executor at its root, nil below a standalone container.
	ct   *container
	task *task
	// annex is set for one.
	annex *annex
	// proc is nil for the container of a DEFAULT executor, which has none.
	proc *process
}

// find returns the container of that id, if it is known.
func (c *Core) find(id ContainerID) (box, bool) {
	root := c.containers[id[0]]
	switch {
	case len(id) == 1 && root != nil:
		b := box{ct: root, proc: root.proc}
		if root.kind() == record.Container_COMMAND && len(root.tasks) > 0 {
			b.task, b.proc = root.tasks[0], root.tasks[0].proc
		}
		return b, true
	case len(id) == 2 && root != nil:
		for _, t := range root.tasks {
			if t.rec.GetNestedId() == id[1] {
				return box{ct: root, task: t, proc: t.proc}, true
			}
		}
	}
	if a := c.annexes[id.String()]; a != nil {
		return box{ct: root, annex: a, proc: a.proc}, true
	}
	return box{}, false
}

// live reports whether the container has not ended.
func (b box) live() bool {
	switch {
	case b.annex != nil:
		return b.annex.live()
	case b.proc == nil:
		return b.ct.state() != record.Container_TERMINATED
	}
	return !b.proc.exited()
}

// dying reports whether it is being ended.
func (b box) dying() bool {
	if b.proc == nil {
		return b.ct.over()
	}
	return b.proc.killing
}

// directory of the sandbox of any container below the given root's.
func sandboxBelow(root string, id ContainerID) string {
	for _, value := range id[1:] {
		root = filepath.Join(root, "containers", value)
	}
	return root
}

// rootDirectory is the sandbox of the container at the root of id.
func (c *Core) rootDirectory(id ContainerID) string {
	if ct := c.containers[id[0]]; ct != nil {
		return ct.rec.GetDirectory()
	}
	return filepath.Join(c.opts.WorkDir, "containers", id[0])
}

func (c *Core) launchContainer(l LaunchContainer) {
	refuse := func(status int, format string, args ...any) {
		c.emit(ContainerReply{Token: l.Token, Status: status, Text: fmt.Sprintf(format, args...)})
	}
	switch b, known := c.find(l.ID); {
	case known && b.live():
		c.emit(ContainerReply{Token: l.Token, Status: statusAccepted})
		return
	case known && b.annex != nil:
		c.forgetAnnex(b.annex)
	}
	if c.stopping != "" {
		refuse(statusNotReady, "Agent is stopping")
		return
	}
	if t := l.Container; t != nil && t.GetType() != mesos.ContainerInfo_MESOS {
		refuse(statusBadRequest, "The provided ContainerInfo is not supported")
		return
	}
	parent, why := c.parentFor(l.ID)
	if why != "" {
		refuse(statusBadRequest, "%s", why)
		return
	}
	if !c.makeRoomForAnnex() {
		refuse(statusNotReady, "Agent has %d containers that were launched through its API, wanted fewer", maxAnnexes)
		return
	}
	c.startAnnex(l, parent)
}

// parentFor returns the container that id is to be nested in, and why it cannot be.
func (c *Core) parentFor(id ContainerID) (parent box, why string) {
	if len(id) == 1 {
		return box{}, ""
	}
	parent, known := c.find(id.parent())
	switch {
	case !known || !parent.live():
		return box{}, fmt.Sprintf("Parent container %s does not exist", id.parent())
	case parent.dying():
		return box{}, fmt.Sprintf("Parent container %s is in 'DESTROYING' state", id.parent())
	case parent.proc != nil && !parent.proc.running():
		return box{}, fmt.Sprintf("Parent container %s is not running yet", id.parent())
	}
	return parent, ""
}

// makeRoomForAnnex forgets the eldest of those that have ended, if there are too
// many.
func (c *Core) makeRoomForAnnex() bool {
	if len(c.annexOrder) < maxAnnexes {
		return true
	}
	i := slices.IndexFunc(c.annexOrder, (*annex).dead)
	if i < 0 {
		return false
	}
	c.forgetAnnex(c.annexOrder[i])
	return true
}

func (c *Core) startAnnex(l LaunchContainer, parent box) {
	c.ordinal++
	a := &annex{id: l.ID, launcher: l.Token, rec: &record.Annex{
		Path: l.ID, Command: l.Command, Container: l.Container, Resources: l.Resources, Limits: l.Limits,
		Session: &l.Session, Directory: new(sandboxBelow(c.rootDirectory(l.ID), l.ID)), Ordinal: new(c.ordinal),
		KernelId: new(kernelIDFor(l, parent, c.ordinal)),
		Process:  &record.Process{Phase: record.Process_LAUNCHING.Enum()},
	}}
	if !c.opts.KeepUser {
		if user := l.Command.GetUser(); user != "" {
			a.rec.User = &user
		} else if user := parent.user(c); user != "" {
			a.rec.User = &user
		}
	}
	c.addAnnex(a)
	c.touchAnnex(a)
	if l.Command.GetValue() == "" {
		// Mesos starts a helper, which finds that there is nothing to run.
		a.proc.rec.Phase = record.Process_EXITED.Enum()
		c.answerLauncher(a, statusOK, "")
		c.endAnnex(a, &record.Termination{ExitStatus: new(int32(1 << 8))})
		return
	}
	launch, err := c.launchOfAnnex(a)
	if err != nil {
		c.launchFailed(LaunchFailed{ID: a.proc.id, Message: err.Error()})
		return
	}
	c.emit(launch)
}

func (c *Core) addAnnex(a *annex) {
	c.annexes[a.key()] = a
	c.annexOrder = append(c.annexOrder, a)
	a.proc = &process{id: a.rec.GetKernelId(), annex: a, rec: a.rec.Process}
	c.processes[a.proc.id] = a.proc
}

// sharesCgroups is true unless a container says otherwise; what is nested deeper
// than one level always does, which the call was checked for.
func sharesCgroups(info *mesos.ContainerInfo) bool {
	return info.GetLinuxInfo() == nil || info.GetLinuxInfo().GetShareCgroups()
}

// kernelIDFor is the kernel's name for a container: below that of its parent if it
// shares the limits of that. The number keeps it apart from an
// earlier container of the id, which may still be on its way out.
func kernelIDFor(l LaunchContainer, parent box, number uint64) string {
	name := kernelName(l.ID[len(l.ID)-1]) + "-" + strconv.FormatUint(number, 10)
	switch {
	case len(l.ID) == 1:
		return "s-" + name
	case parent.proc != nil && sharesCgroups(l.Container):
		return parent.proc.id + "/" + name
	case parent.ct != nil && sharesCgroups(l.Container):
		return parent.ct.id() + "/" + name
	case parent.ct != nil:
		return parent.ct.id() + "." + name
	}
	return parent.proc.id + "." + name
}

// user that the processes of a container run as, "" for the agent's own.
func (b box) user(c *Core) string {
	switch {
	case b.annex != nil:
		return b.annex.rec.GetUser()
	case b.proc != nil:
		if l, err := c.launchOf(b.proc); err == nil {
			return l.User
		}
	case b.ct != nil:
		return b.ct.rec.GetUser()
	}
	return ""
}

// launchOfAnnex follows from the records alone, like launchOf.
func (c *Core) launchOfAnnex(a *annex) (Launch, error) {
	l := Launch{
		ID: a.proc.id, Directory: a.rec.GetDirectory(), User: a.rec.GetUser(), URIs: a.rec.Command.GetUris(),
		IO: ioOf(a.rec.Container, a.rec.GetSession()), Limits: c.annexLimits(a), Shared: isBelow(a.proc.id),
	}
	if why := unsupported(a.rec.Container); why != "" {
		return l, fmt.Errorf("%s", why)
	}
	l.Container = a.rec.Container
	if a.isNested() {
		l.Pod = sandboxBelow(c.rootDirectory(a.id), a.id.parent())
	} else {
		l.Disk = c.diskBoxOf(a)
	}
	env := &environment{}
	env.set("PATH", defaultPath)
	if a.rec.GetSession() {
		parent, _ := c.find(a.id.parent())
		l.WorkDir = c.surroundings(parent, a.id.parent(), env)
	} else {
		env.set("MESOS_SANDBOX", l.Directory)
	}
	if err := env.addCommand(a.rec.Command); err != nil {
		return l, err
	}
	l.Env = env.list
	var err error
	l.Path, l.Args, err = argv(a.rec.Command)
	return l, err
}

func isBelow(kernelID string) bool { return slices.Contains([]byte(kernelID), '/') }

// surroundings adds the environment of a container to env and returns its working
// directory: what a session in it takes over.
func (c *Core) surroundings(b box, id ContainerID, env *environment) (directory string) {
	var list []string
	switch {
	case b.annex != nil:
		if l, err := c.launchOfAnnex(b.annex); err == nil {
			list, directory = l.Env, l.Directory
			if l.WorkDir != "" {
				directory = l.WorkDir
			}
		}
	case b.proc != nil:
		if l, err := c.launchOf(b.proc); err == nil {
			list, directory = l.Env, l.Directory
		}
	case b.ct != nil:
		directory = b.ct.rec.GetDirectory()
		list = c.executorEnvironment(b.ct, directory).list
	}
	env.addList(list)
	if directory == "" {
		directory = sandboxBelow(c.rootDirectory(id), id)
	}
	return directory
}

// annexLimits are the container's own, none where it shares those of another.
func (c *Core) annexLimits(a *annex) Limits {
	if isBelow(a.proc.id) {
		return Limits{}
	}
	return boundsOf(a.rec.Resources, a.rec.Limits)
}

// boundsOf are the limits that resources and limits on them come to.
func boundsOf(resources []*mesos.Resource, limits map[string]*mesos.Value_Scalar) Limits {
	cpu, mem := budget{}, budget{}
	cpu.add(cpuMilli(resources), scaledLimit(limits["cpus"], 1000))
	mem.add(memBytes(resources), scaledLimit(limits["mem"], 1<<20))
	l := Limits{CPUMilli: max(cpu.request, minCPUShareMilli), MemSoftBytes: max(mem.request, minMemBytes)}
	if cpu.limited {
		l.QuotaMilli = cpu.limit()
	}
	if bound := mem.limit(); bound > 0 {
		l.MemBytes = max(bound, minMemBytes)
	}
	return l
}

// terminalDirectory is the sandbox of a process on a terminal that outlives the
// agent, "" for any other.
func (p *process) terminalDirectory() string {
	switch {
	case p.annex != nil:
		if io := ioOf(p.annex.rec.Container, p.annex.rec.GetSession()); io != nil && !io.Session {
			return p.annex.rec.GetDirectory()
		}
	case p.task != nil && p.task.rec.Info.GetContainer().GetTtyInfo() != nil:
		id := ContainerID{p.ct.id()}
		if nested := p.task.rec.GetNestedId(); nested != "" {
			id = append(id, nested)
		}
		return sandboxBelow(p.ct.rec.GetDirectory(), id)
	case p.task == nil && p.ct.rec.Executor.GetContainer().GetTtyInfo() != nil:
		return p.ct.rec.GetDirectory()
	}
	return ""
}
