//lint:file-ignore SA1019 The old single role is what frameworks without MULTI_ROLE have.

package core

import (
	"fmt"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

func (w *world) executeFramework(name string, words []string, args map[string]string) (string, error) {
	if name == "subscribe" {
		return w.subscribeCommand(words[0], args), nil
	}
	f := w.frameworks[words[0]]
	if f == nil {
		return "", fmt.Errorf("unknown command or name: %s %s", name, words[0])
	}
	switch name {
	case "close":
		stream := f.stream
		delete(w.streams, stream)
		f.stream, f.offers = 0, nil
		return w.step(&StreamClosed{Stream: stream}), nil
	case "launch":
		return w.launchCommand(f, words[1], words[2], args), nil
	case "decline":
		return w.call(f, &scheduler.Call{Type: scheduler.Call_DECLINE.Enum(),
			Decline: &scheduler.Call_Decline{OfferIds: f.takeOffers(), Filters: filtersOf(args)}}), nil
	case "ack":
		return w.call(f, &scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE.Enum(), Acknowledge: &scheduler.Call_Acknowledge{
			AgentId: &mesos.AgentID{Value: ptr(w.agents[words[1]].id)}, TaskId: &mesos.TaskID{Value: &words[2]}, Uuid: uuidOf(words[3])}}), nil
	case "kill":
		k := &scheduler.Call_Kill{TaskId: &mesos.TaskID{Value: &words[1]}}
		if len(words) > 2 {
			k.AgentId = &mesos.AgentID{Value: ptr(w.agents[words[2]].id)}
		}
		return w.call(f, &scheduler.Call{Type: scheduler.Call_KILL.Enum(), Kill: k}), nil
	case "reconcile":
		return w.reconcileCommand(f, words[1:]), nil
	case "suppress":
		return w.call(f, &scheduler.Call{Type: scheduler.Call_SUPPRESS.Enum(), Suppress: &scheduler.Call_Suppress{Roles: words[1:]}}), nil
	case "revive":
		return w.call(f, &scheduler.Call{Type: scheduler.Call_REVIVE.Enum(), Revive: &scheduler.Call_Revive{Roles: words[1:]}}), nil
	case "request":
		call := &scheduler.Call_Request{}
		for _, text := range words[1:] {
			want, err := resource.Parse(text, resource.DefaultRole)
			if err != nil {
				return "", err
			}
			call.Requests = append(call.Requests, &mesos.Request{Resources: want.ToProto(resource.PostRefinement)})
		}
		return w.call(f, &scheduler.Call{Type: scheduler.Call_REQUEST.Enum(), Request: call}), nil
	case "teardown":
		return w.call(f, &scheduler.Call{Type: scheduler.Call_TEARDOWN.Enum()}), nil
	}
	return "", fmt.Errorf("unknown command %q for framework %s", name, f.name)
}

func (w *world) subscribeCommand(name string, args map[string]string) string {
	f := w.frameworks[name]
	if f == nil {
		f = &worldFramework{name: name}
		w.frameworks[name] = f
	}
	if f.info == nil || len(args) > 0 {
		f.info = frameworkInfo(name, args)
	}
	if id, ok := args["id"]; ok {
		f.id = id
	}
	return w.subscribe(f, splitList(args["suppressed"]))
}

// frameworkInfo is a MULTI_ROLE framework unless caps says otherwise.
func frameworkInfo(name string, args map[string]string) *mesos.FrameworkInfo {
	info := &mesos.FrameworkInfo{User: ptr("u"), Name: &name}
	caps, ok := args["caps"]
	if !ok {
		caps = "MULTI_ROLE,RESERVATION_REFINEMENT,PARTITION_AWARE"
	}
	for _, c := range splitList(caps) {
		info.Capabilities = append(info.Capabilities, &mesos.FrameworkInfo_Capability{
			Type: mesos.FrameworkInfo_Capability_Type(mesos.FrameworkInfo_Capability_Type_value[c]).Enum()})
	}
	if role, ok := args["role"]; ok {
		info.Role = &role
	}
	roles, ok := args["roles"]
	if !ok && frameworkCapsOf(info).multiRole {
		roles = "r"
	}
	info.Roles = splitList(roles)
	if v, ok := args["failover"]; ok {
		info.FailoverTimeout = ptr(atof(v))
	}
	if v, ok := args["principal"]; ok {
		info.Principal = &v
	}
	if v, ok := args["user"]; ok {
		info.User = &v
	}
	if args["checkpoint"] == "true" {
		info.Checkpoint = ptr(true)
	}
	return info
}

func filtersOf(args map[string]string) *mesos.Filters {
	if v, ok := args["refuse"]; ok {
		return &mesos.Filters{RefuseSeconds: ptr(atof(v))}
	}
	return nil
}

func commandTask(id, agent, resources string) *mesos.TaskInfo {
	return &mesos.TaskInfo{Name: &id, TaskId: &mesos.TaskID{Value: &id}, AgentId: &mesos.AgentID{Value: &agent},
		Resources: mustResources(resources), Command: &mesos.CommandInfo{Value: ptr("sleep 1")}}
}

// launchCommand accepts all offers of the agent of the first one.
func (w *world) launchCommand(f *worldFramework, task, resources string, args map[string]string) string {
	agent := args["on"]
	if a := w.agents[agent]; a != nil {
		agent = a.id
	}
	var ids []*mesos.OfferID
	var rest []string
	for _, id := range f.offers {
		o := w.core.offer(id)
		if o != nil && agent == "" {
			agent = o.AgentID()
		}
		if o != nil && o.AgentID() == agent {
			ids = append(ids, &mesos.OfferID{Value: ptr(id)})
		} else {
			rest = append(rest, id)
		}
	}
	f.offers = rest
	op := &mesos.Offer_Operation{Type: mesos.Offer_Operation_LAUNCH.Enum(), Launch: &mesos.Offer_Operation_Launch{}}
	for _, id := range strings.Split(task, ",") {
		op.Launch.TaskInfos = append(op.Launch.TaskInfos, commandTask(id, agent, resources))
	}
	return w.call(f, &scheduler.Call{Type: scheduler.Call_ACCEPT.Enum(), Accept: &scheduler.Call_Accept{
		OfferIds: ids, Operations: []*mesos.Offer_Operation{op}, Filters: filtersOf(args)}})
}

func (w *world) reconcileCommand(f *worldFramework, words []string) string {
	call := &scheduler.Call_Reconcile{}
	for _, word := range words {
		task, agent, named := strings.Cut(word, "@")
		t := &scheduler.Call_Reconcile_Task{TaskId: &mesos.TaskID{Value: &task}}
		if named {
			if a := w.agents[agent]; a != nil {
				agent = a.id
			}
			t.AgentId = &mesos.AgentID{Value: &agent}
		}
		call.Tasks = append(call.Tasks, t)
	}
	return w.call(f, &scheduler.Call{Type: scheduler.Call_RECONCILE.Enum(), Reconcile: call})
}
