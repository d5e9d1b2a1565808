package core

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// execute runs one line of a scenario. $f1, $a1 and $f1.o1 stand for the ids of
// framework f1, agent a1 and the first offer that f1 holds.
//
//	agent a1 cpus:4;mem:1024 [host=h] [version=1.12.0] [instance=i] [caps=none|MULTI_ROLE,…]   register a new agent
//	reregister a1 [instance=i] [tasks=f1/t1:TASK_RUNNING,…] [executors=f1/e1]     register again, on a fresh channel
//	disconnect a1 | pong a1 | applied a1 N | unregister a1
//	update a1 f1 t1 TASK_RUNNING uuid=u1 [latest=…] [reason=…]                    a status update
//	exited a1 f1 e1 status=0 | message a1 f1 e1 text
//	subscribe f1 [roles=a,b] [caps=PARTITION_AWARE,…] [failover=10] [principal=p] [user=u] [suppressed=a]
//	close f1                                                                      the stream breaks
//	accept f1 [offers=$o1,$o2] [refuse=5] {operations as JSON, one per line of the list}
//	launch f1 t1 cpus:1;mem:32 [refuse=5] [on=a1]                                 accept all offers, one command task
//	decline f1 [refuse=5] | ack f1 a1 t1 u1 | kill f1 t1 | reconcile f1 [t1@a1 t2] | suppress f1 [role] | revive f1 [role] | teardown f1
//	call f1 {scheduler call as JSON} | operator {operator call as JSON} | watch
//	tick 15s | stall 15s | restart | state | options key=value
func (w *world) execute(line string) (string, error) {
	name, rest, _ := strings.Cut(line, " ")
	rest = w.expand(rest)
	if text, raw, ok := strings.Cut(rest, "{"); ok {
		return w.executeJSON(name, strings.Fields(text), "{"+raw)
	}
	words, args := parseArgs(strings.Fields(rest))
	switch name {
	case "agent":
		return w.newAgent(words[0], words[1], args), nil
	case "reregister":
		return w.reregister(w.agents[words[0]], args), nil
	case "tick":
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return "", err
		}
		return w.advance(d), nil
	case "stall":
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return "", err
		}
		w.now = Time{Mono: w.now.Mono + int64(d), Wall: w.now.Wall + int64(d)}
		return w.step(&Tick{}), nil
	case "restart":
		return w.restart(), nil
	case "state":
		return w.printState(), nil
	case "watch":
		return w.step(&OperatorSubscribed{Stream: StreamRef(w.ref())}), nil
	case "options":
		return "", w.setOptions(args)
	}
	if a := w.agents[words[0]]; a != nil {
		return w.executeAgent(name, a, words[1:], args)
	}
	return w.executeFramework(name, words, args)
}

// expand replaces $names by ids.
func (w *world) expand(text string) string {
	for name, a := range w.agents {
		text = strings.ReplaceAll(text, "$"+name, a.id)
	}
	for name, f := range w.frameworks {
		for i, o := range f.offers {
			text = strings.ReplaceAll(text, fmt.Sprintf("$%s.o%d", name, i+1), o)
		}
		text = strings.ReplaceAll(text, "$"+name, f.id)
	}
	return text
}

func (w *world) executeJSON(name string, words []string, text string) (string, error) {
	if name == "operator" {
		call := &master.Call{}
		if err := decodeJSON(text, call); err != nil {
			return "", err
		}
		if err := ValidateOperatorCall(call); err != nil {
			return fmt.Sprintf("reply %d %s\n", err.Status, err.Text), nil
		}
		principal := ""
		if len(words) > 0 {
			principal = words[0]
		}
		return w.step(&OperatorCall{Principal: principal, Call: call, Reply: 1}), nil
	}
	f := w.frameworks[words[0]]
	call := &scheduler.Call{}
	if name == "accept" {
		text = fmt.Sprintf(`{"type":"ACCEPT","accept":%s}`, text)
	}
	if err := decodeJSON(text, call); err != nil {
		return "", err
	}
	if name == "accept" && len(call.Accept.OfferIds) == 0 {
		call.Accept.OfferIds = f.takeOffers()
	}
	return w.call(f, call), nil
}

// takeOffers are all offers that the framework holds; it holds them no longer.
func (f *worldFramework) takeOffers() []*mesos.OfferID {
	var ids []*mesos.OfferID
	for _, o := range f.offers {
		ids = append(ids, &mesos.OfferID{Value: &o})
	}
	f.offers = nil
	return ids
}

func (w *world) newAgent(name, resources string, args map[string]string) string {
	a := &worldAgent{name: name}
	w.agents[name] = a
	host := args["host"]
	if host == "" {
		host = "host-" + name
	}
	a.register = &link.Register{
		Agent:   &mesos.AgentInfo{Hostname: &host, Port: ptr(int32(5051)), Resources: mustResources(resources)},
		Version: ptr("1.12.0"), Capabilities: allAgentCaps(), Instance: ptr("instance-" + name), BootId: ptr("boot"),
		Address: &mesos.Address{Ip: ptr("10.0.0.1"), Port: ptr(int32(5051)), Hostname: &host},
	}
	if v, ok := args["version"]; ok {
		a.register.Version = &v
	}
	if caps, ok := args["caps"]; ok {
		a.register.Capabilities = nil
		for _, c := range splitList(caps) {
			if n, known := mesos.AgentInfo_Capability_Type_value[c]; known { // "none" is not
				a.register.Capabilities = append(a.register.Capabilities, &mesos.AgentInfo_Capability{Type: mesos.AgentInfo_Capability_Type(n).Enum()})
			}
		}
	}
	if text, ok := args["domain"]; ok {
		a.register.Agent.Domain = domainOf(text)
	}
	if cluster, ok := args["cluster"]; ok {
		a.register.ClusterId = &cluster
	}
	if id, ok := args["id"]; ok {
		a.register.Agent.Id = &mesos.AgentID{Value: &id}
	}
	if ip, ok := args["ip"]; ok {
		a.register.Address.Ip = &ip
	}
	return w.registerAgent(a)
}

// reregister reports the tasks and executors named, and their frameworks.
func (w *world) reregister(a *worldAgent, args map[string]string) string {
	r := a.register
	if i, ok := args["instance"]; ok {
		r.Instance = &i
	}
	if res, ok := args["total"]; ok {
		r.Total = mustResources(res)
	}
	r.Tasks, r.Executors, r.Frameworks = nil, nil, nil
	frameworks := map[string]bool{}
	addFramework := func(name string) *worldFramework {
		f := w.frameworks[name]
		if !frameworks[name] {
			frameworks[name] = true
			info := proto.Clone(f.info).(*mesos.FrameworkInfo)
			info.Id = &mesos.FrameworkID{Value: ptr(f.id)}
			r.Frameworks = append(r.Frameworks, info)
		}
		return f
	}
	for _, word := range splitList(args["tasks"]) {
		name, state, _ := strings.Cut(word, ":")
		fw, id, _ := strings.Cut(name, "/")
		f := addFramework(fw)
		t := &mesos.Task{Name: &id, TaskId: &mesos.TaskID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)},
			AgentId: r.Agent.Id, State: mesos.TaskState(mesos.TaskState_value[state]).Enum(), Resources: mustResources("cpus:1;mem:32")}
		if known := w.core.framework(f.id); known != nil && known.tasks[id] != nil {
			t.Resources = known.tasks[id].Info().Resources
			r.Tasks = append(r.Tasks, t)
			continue
		}
		for _, res := range t.Resources {
			res.AllocationInfo = &mesos.Resource_AllocationInfo{Role: ptr(frameworkRoles(f.info)[0])}
		}
		r.Tasks = append(r.Tasks, t)
	}
	for _, word := range splitList(args["executors"]) {
		fw, id, _ := strings.Cut(word, "/")
		f := addFramework(fw)
		info := &mesos.ExecutorInfo{ExecutorId: &mesos.ExecutorID{Value: &id}, FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)}}
		if e := w.core.frameworks[f.id]; e != nil {
			if known := e.executors[executorKey{a.id, f.id, id}]; known != nil {
				info = known.Rec.Info
			}
		}
		r.Executors = append(r.Executors, &link.Executor{FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)}, Info: info})
	}
	return w.registerAgent(a)
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func (w *world) restart() string {
	w.out.Reset()
	w.streams, w.channels = map[StreamRef]*worldFramework{}, map[ChannelRef]*worldAgent{}
	for _, f := range w.frameworks {
		f.stream, f.offers = 0, nil
	}
	for _, a := range w.agents {
		a.channel = 0
	}
	before := w.core.Hash()
	w.opts.MasterInfo = &mesos.MasterInfo{Id: ptr(w.opts.MasterInfo.GetId() + "'"), Ip: w.opts.MasterInfo.Ip, Port: w.opts.MasterInfo.Port}
	w.checkReload(before)
	w.start()
	return w.printOutput()
}

func (w *world) setOptions(args map[string]string) error {
	for key, value := range args {
		if key == "roles" {
			w.opts.RoleWhitelist = splitList(value)
			continue
		}
		d, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		switch key {
		case "offer_timeout":
			w.opts.OfferTimeout = d
		case "lose_uncheckpointed":
			w.opts.LoseUncheckpointed = d > 0
		case "removal_interval":
			w.opts.RemovalInterval = d
		default:
			return fmt.Errorf("option %q is unknown", key)
		}
	}
	w.journal = map[string][]byte{}
	w.start()
	w.out.Reset()
	return nil
}

func (w *world) executeAgent(name string, a *worldAgent, words []string, args map[string]string) (string, error) {
	switch name {
	case "disconnect":
		channel := a.channel
		a.channel = 0
		delete(w.channels, channel)
		return w.step(&ChannelClosed{Channel: channel}), nil
	case "pong":
		return w.up(a, &link.Up{Body: &link.Up_Pong{Pong: &link.Pong{}}}), nil
	case "applied":
		a.applied = uint64(atof(words[0]))
		return w.up(a, &link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: ptr(a.applied)}}}), nil
	case "unregister":
		return w.up(a, &link.Up{Body: &link.Up_Unregister{Unregister: &link.Unregister{}}}), nil
	case "update":
		return w.up(a, statusUp(w.frameworks[words[0]], a, words[1], words[2], args)), nil
	case "exited":
		return w.up(a, &link.Up{Body: &link.Up_ExecutorExited{ExecutorExited: &link.ExecutorExited{
			FrameworkId: &mesos.FrameworkID{Value: ptr(w.frameworks[words[0]].id)}, ExecutorId: &mesos.ExecutorID{Value: &words[1]},
			Status: ptr(int32(atof(args["status"])))}}}), nil
	case "message":
		return w.up(a, &link.Up{Body: &link.Up_ExecutorMessage{ExecutorMessage: &link.ExecutorMessage{
			FrameworkId: &mesos.FrameworkID{Value: ptr(w.frameworks[words[0]].id)}, ExecutorId: &mesos.ExecutorID{Value: &words[1]},
			Data: []byte(words[2])}}}), nil
	case "resources":
		u := &link.ResourcesUpdate{}
		if over, ok := args["revocable"]; ok {
			u.OversubscribedSet, u.Oversubscribed = ptr(true), mustResources(over)
			for _, r := range u.Oversubscribed {
				r.Revocable = &mesos.Resource_RevocableInfo{}
			}
		}
		return w.up(a, &link.Up{Body: &link.Up_ResourcesUpdate{ResourcesUpdate: u}}), nil
	case "operation":
		return w.operationUpdate(a, words[0], args), nil
	}
	return "", fmt.Errorf("unknown command %q for agent %s", name, a.name)
}

// operationUpdate reports on the newest operation of the agent, or the one whose
// uuid begins so.
func (w *world) operationUpdate(a *worldAgent, state string, args map[string]string) string {
	var found *Operation
	for _, o := range sortedStrings(w.core.agents[a.id].operations) {
		if strings.HasPrefix(fmt.Sprintf("%x", o.UUID()), args["op"]) {
			found = o
		}
	}
	u := &link.OperationUpdate{OperationUuid: &mesos.UUID{Value: uuidOf("unknown")}}
	status := &mesos.OperationStatus{State: mesos.OperationState(mesos.OperationState_value[state]).Enum(), AgentId: a.register.Agent.Id}
	if found != nil {
		u.OperationUuid, u.FrameworkId = found.Info().Uuid, found.Info().FrameworkId
		status.OperationId = found.Info().Info.Id
	}
	if uuid, ok := args["uuid"]; ok {
		status.Uuid = &mesos.UUID{Value: uuidOf(uuid)}
	}
	u.Status = status
	return w.up(a, &link.Up{Body: &link.Up_OperationUpdate{OperationUpdate: u}})
}

func statusUp(f *worldFramework, a *worldAgent, task, state string, args map[string]string) *link.Up {
	s := &mesos.TaskStatus{
		TaskId: &mesos.TaskID{Value: &task}, State: mesos.TaskState(mesos.TaskState_value[state]).Enum(),
		Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), AgentId: a.register.Agent.Id, Timestamp: ptr(1.0),
		Uuid: uuidOf(args["uuid"]),
	}
	if data, ok := args["data"]; ok {
		s.Data = []byte(data)
	}
	if reason, ok := args["reason"]; ok {
		s.Reason = mesos.TaskStatus_Reason(mesos.TaskStatus_Reason_value[reason]).Enum()
	}
	u := &link.StatusUpdate{FrameworkId: &mesos.FrameworkID{Value: ptr(f.id)}, Status: s, LatestState: s.State}
	if latest, ok := args["latest"]; ok {
		u.LatestState = mesos.TaskState(mesos.TaskState_value[latest]).Enum()
	}
	return &link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: u}}
}
