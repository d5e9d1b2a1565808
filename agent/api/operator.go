package api

import (
	"os"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
)

// operator answers POST /api/v1.
func (a *server) operator(c *httpd.Ctx) {
	if !c.IsMethod("POST") {
		c.ReplyMethodNotAllowed("POST")
		return
	}
	m, err := negotiate(c)
	if err != nil {
		c.ReplyError(err)
		return
	}
	if m.streamed {
		a.attachInput(c, m)
		return
	}
	call, err := readCall(c, &m)
	if err != nil {
		c.ReplyError(err)
		return
	}
	if a.operate(c, call, m) {
		return
	}
	resp, err := a.answer(call)
	switch {
	case err != nil:
		c.ReplyError(err)
	case resp == nil:
		c.ReplyEmpty(200)
	default:
		resp.Type = agent.Response_Type(agent.Response_Type_value[call.GetType().String()]).Enum()
		body, err := m.out.Append(nil, resp)
		if err != nil {
			c.ReplyText(500, err.Error())
			return
		}
		c.Reply(200, m.out.ContentType(), body)
	}
}

func readCall(c *httpd.Ctx, m *media) (*agent.Call, error) {
	body, err := c.ReadBody()
	if err != nil {
		return nil, err
	}
	call, err := m.decode(body)
	if err == nil {
		err = m.allows(call.GetType())
	}
	return call, err
}

func validate(call *agent.Call) error {
	fault := ""
	_, known := agent.Call_Type_name[int32(call.GetType())]
	switch {
	case call.Type == nil || !known: // a number without a name counts as absent
		fault = "type"
	case call.GetType() == agent.Call_GET_METRICS && call.GetMetrics == nil:
		fault = "get_metrics"
	case call.GetType() == agent.Call_SET_LOGGING_LEVEL && call.SetLoggingLevel == nil:
		fault = "set_logging_level"
	case call.GetType() == agent.Call_LIST_FILES && call.ListFiles == nil:
		fault = "list_files"
	case call.GetType() == agent.Call_READ_FILE && call.ReadFile == nil:
		fault = "read_file"
	case missingProvider(call) != "":
		fault = missingProvider(call)
	default:
		if fault := checkContainerCall(call); fault != "" {
			return httpd.Refusef(400, "Failed to validate agent::Call: %s", fault)
		}
		return nil
	}
	return httpd.Refusef(400, "Failed to validate agent::Call: Expecting '%s' to be present", fault)
}

// answer returns the response to a call, without its type, or nil for a call whose
// answer has no body.
func (a *server) answer(call *agent.Call) (*agent.Response, error) {
	r := &agent.Response{}
	switch call.GetType() {
	case agent.Call_GET_HEALTH:
		r.GetHealth = &agent.Response_GetHealth{Healthy: new(true)}
	case agent.Call_GET_VERSION:
		r.GetVersion = &agent.Response_GetVersion{VersionInfo: build.Info(a.Release)}
	case agent.Call_GET_FLAGS:
		r.GetFlags = &agent.Response_GetFlags{}
		for _, name := range json.SortedKeys(a.Flags, nil) {
			r.GetFlags.Flags = append(r.GetFlags.Flags, &mesos.Flag{Name: new(name), Value: new(a.Flags[name])})
		}
	case agent.Call_GET_LOGGING_LEVEL:
		r.GetLoggingLevel = &agent.Response_GetLoggingLevel{Level: new(a.Verbosity.Get())}
	case agent.Call_SET_LOGGING_LEVEL:
		level := call.SetLoggingLevel
		return nil, a.Verbosity.Call(level.GetLevel(), level.GetDuration().GetNanoseconds())
	case agent.Call_PRUNE_IMAGES:
		return nil, nil
	case agent.Call_GET_METRICS:
		ms, err := a.collect()
		if err != nil {
			return nil, httpd.Refusef(503, "Agent is stopping")
		}
		r.GetMetrics = &agent.Response_GetMetrics{}
		for i := range ms {
			r.GetMetrics.Metrics = append(r.GetMetrics.Metrics, &mesos.Metric{Name: &ms[i].name, Value: &ms[i].value})
		}
	case agent.Call_LIST_FILES:
		return r, a.listFiles(r, call.ListFiles.GetPath())
	case agent.Call_READ_FILE:
		return r, a.readFileV1(r, call.ReadFile)
	case agent.Call_GET_OPERATIONS:
		r.GetOperations = &agent.Response_GetOperations{}
		if err := a.Read(func(c *core.Core) {
			for _, o := range c.View().Operations {
				r.GetOperations.Operations = append(r.GetOperations.Operations, o.CloneVT())
			}
		}); err != nil {
			return nil, httpd.Refusef(503, "%v", err)
		}
	case agent.Call_ADD_RESOURCE_PROVIDER_CONFIG, agent.Call_UPDATE_RESOURCE_PROVIDER_CONFIG,
		agent.Call_REMOVE_RESOURCE_PROVIDER_CONFIG, agent.Call_MARK_RESOURCE_PROVIDER_GONE:
		return nil, providerCall(call)
	case agent.Call_GET_RESOURCE_PROVIDERS:
		r.GetResourceProviders = &agent.Response_GetResourceProviders{}
	case agent.Call_GET_CONTAINERS:
		return r, a.getContainers(r, call.GetGetContainers())
	case agent.Call_GET_STATE, agent.Call_GET_FRAMEWORKS, agent.Call_GET_EXECUTORS, agent.Call_GET_TASKS, agent.Call_GET_AGENT:
		return r, a.readState(r, call.GetType())
	default:
		return nil, httpd.Refusef(501, "Received '%s' call, which this agent does not serve", call.GetType())
	}
	return r, nil
}

// readState fills r while the loop stands still. The messages are copied: they are
// encoded after it has gone on.
func (a *server) readState(r *agent.Response, t agent.Call_Type) error {
	err := a.Read(func(c *core.Core) {
		v := c.View()
		switch t {
		case agent.Call_GET_AGENT:
			r.GetAgent = &agent.Response_GetAgent{AgentInfo: v.Info, DrainConfig: v.DrainConfig}
			if v.DrainSince != 0 {
				// In whole seconds, as Mesos keeps it.
				r.GetAgent.EstimatedDrainStartTime = &mesos.TimeInfo{Nanoseconds: new(v.DrainSince / 1e9 * 1e9)}
			}
		case agent.Call_GET_FRAMEWORKS:
			r.GetFrameworks = getFrameworks(v)
		case agent.Call_GET_EXECUTORS:
			r.GetExecutors = getExecutors(v)
		case agent.Call_GET_TASKS:
			r.GetTasks = getTasks(v)
		default:
			r.GetState = &agent.Response_GetState{
				GetTasks: getTasks(v), GetExecutors: getExecutors(v), GetFrameworks: getFrameworks(v),
			}
		}
		*r = *r.CloneVT()
	})
	if err != nil {
		return httpd.Refusef(503, "Agent is stopping")
	}
	return nil
}

func getFrameworks(v *core.View) *agent.Response_GetFrameworks {
	r := &agent.Response_GetFrameworks{}
	for i := range v.Frameworks {
		r.Frameworks = append(r.Frameworks, &agent.Response_GetFrameworks_Framework{FrameworkInfo: v.Frameworks[i].Info})
	}
	for i := range v.Ended {
		r.CompletedFrameworks = append(r.CompletedFrameworks,
			&agent.Response_GetFrameworks_Framework{FrameworkInfo: v.Ended[i].Info})
	}
	return r
}

func getExecutors(v *core.View) *agent.Response_GetExecutors {
	r := &agent.Response_GetExecutors{}
	for _, f := range append(v.Frameworks[:len(v.Frameworks):len(v.Frameworks)], v.Ended...) {
		for i := range f.Executors {
			r.Executors = append(r.Executors, &agent.Response_GetExecutors_Executor{ExecutorInfo: f.Executors[i].Info})
		}
		for i := range f.Completed {
			r.CompletedExecutors = append(r.CompletedExecutors,
				&agent.Response_GetExecutors_Executor{ExecutorInfo: f.Completed[i].Info})
		}
	}
	return r
}

func getTasks(v *core.View) *agent.Response_GetTasks {
	r := &agent.Response_GetTasks{}
	for _, f := range append(v.Frameworks[:len(v.Frameworks):len(v.Frameworks)], v.Ended...) {
		for _, e := range append(f.Executors[:len(f.Executors):len(f.Executors)], f.Completed...) {
			for _, q := range e.Queued {
				r.QueuedTasks = append(r.QueuedTasks, queuedTask(f.Info, &e, q))
			}
			r.LaunchedTasks = append(r.LaunchedTasks, e.Launched...)
			r.TerminatedTasks = append(r.TerminatedTasks, e.Terminated...)
			r.CompletedTasks = append(r.CompletedTasks, e.Completed...)
		}
	}
	return r
}

func queuedTask(f *mesos.FrameworkInfo, e *core.ExecutorView, t *mesos.TaskInfo) *mesos.Task {
	return &mesos.Task{
		Name: t.Name, TaskId: t.TaskId, FrameworkId: f.Id, ExecutorId: e.Info.ExecutorId, AgentId: t.AgentId,
		State: mesos.TaskState_TASK_STAGING.Enum(), Resources: t.Resources, Labels: t.Labels,
	}
}

func (a *server) listFiles(r *agent.Response, path string) error {
	entries, err := a.list(path)
	if err != nil {
		return err
	}
	r.ListFiles = &agent.Response_ListFiles{}
	for _, e := range entries {
		r.ListFiles.FileInfos = append(r.ListFiles.FileInfos, &mesos.FileInfo{
			Path: &e.path, Nlink: &e.nlink, Size: new(uint64(e.info.Size())),
			Mtime: &mesos.TimeInfo{Nanoseconds: new(e.info.ModTime().Unix() * 1e9)},
			Mode:  new(rawMode(e.info.Mode())), Uid: &e.uid, Gid: &e.gid,
		})
	}
	return nil
}

// rawMode is a mode as stat(2) gives it.
func rawMode(m os.FileMode) uint32 {
	raw := uint32(m.Perm())
	switch {
	case m.IsDir():
		raw |= 0o040000
	case m&os.ModeSymlink != 0:
		raw |= 0o120000
	case m&os.ModeNamedPipe != 0:
		raw |= 0o010000
	case m&os.ModeSocket != 0:
		raw |= 0o140000
	case m&os.ModeCharDevice != 0:
		raw |= 0o020000
	case m&os.ModeDevice != 0:
		raw |= 0o060000
	default:
		raw |= 0o100000
	}
	return raw
}

func (a *server) readFileV1(r *agent.Response, call *agent.Call_ReadFile) error {
	f, info, err := a.openFile(call.GetPath(), "read")
	if err != nil {
		return err
	}
	defer f.Close()
	length := int64(-1)
	if call.Length != nil && call.GetLength() < maxRead {
		length = int64(call.GetLength())
	}
	data := []byte{}
	if call.GetOffset() < uint64(info.Size()) {
		if data, err = readAt(f, int64(call.GetOffset()), length); err != nil {
			return httpd.Refusef(500, "%v", err)
		}
	}
	r.ReadFile = &agent.Response_ReadFile{Size: new(uint64(info.Size())), Data: data}
	return nil
}

func (a *server) getContainers(r *agent.Response, call *agent.Call_GetContainers) error {
	var list []box
	err := a.Read(func(c *core.Core) {
		list = append(boxes(c.View(), call.GetShowNested()), annexBoxes(c, call)...)
	})
	if err != nil {
		return httpd.Refusef(503, "Agent is stopping")
	}
	for i := range list {
		if r.GetContainers == nil { // with none Mesos leaves the member out
			r.GetContainers = &agent.Response_GetContainers{}
		}
		b := &list[i]
		st := a.measure(b).statistics()
		out := &agent.Response_GetContainers_Container{
			// The parents of a nested one are in its status only, as in Mesos.
			ContainerId: &mesos.ContainerID{Value: &b.id}, ContainerStatus: a.status(b), ResourceStatistics: st,
		}
		if b.framework != "" {
			out.FrameworkId = &mesos.FrameworkID{Value: &b.framework}
			out.ExecutorId = &mesos.ExecutorID{Value: &b.executor}
			out.ExecutorName = &b.name
		}
		r.GetContainers.Containers = append(r.GetContainers.Containers, out)
	}
	return nil
}
