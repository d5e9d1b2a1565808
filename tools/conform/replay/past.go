package replay

import (
	"regexp"
	"strings"
	"time"
)

// past is what the transcripts of a world tell beside the exchanges
// themselves: what an id stood for, when a framework subscribed.
type past struct {
	updates    map[string]recordedUpdate     // by uuid
	offers     map[string]map[string]float64 // scalars by offer id
	offerRole  map[string]string
	frameworks map[string]*recordedFramework // by id
	agents     map[string]int                // how often each agent id occurs
	executorOf map[string]string             // executor id by container id
	containers map[string]string             // task id by the id of its nested container
	streams    map[string]bool               // stream ids given in recorded answers
	launched   string                        // the bodies of all calls but acknowledgements
	subjects   map[string]bool               // tasks and operations that those calls name
}

type recordedUpdate struct{ subject, state string }

type recordedFramework struct {
	info map[string]any
	// shown is what an agent's /state tells of the info.
	shown             map[string]any
	registered, ended time.Time // zero if unknown
}

var roleName = regexp.MustCompile(`"role": ?"([^"]+)"`)

func remember(w *World) *past {
	p := &past{updates: map[string]recordedUpdate{}, offers: map[string]map[string]float64{}, offerRole: map[string]string{},
		frameworks: map[string]*recordedFramework{}, agents: map[string]int{}, executorOf: map[string]string{}, containers: map[string]string{}, streams: map[string]bool{}, subjects: map[string]bool{}}
	var launched strings.Builder
	for _, e := range w.Exchanges {
		api := apiOf(e.Request.Path(), e.toAgent())
		if api == schedulerAPI && !isAcknowledgement(e) {
			launched.Write(e.Request.Body)
			p.noteSubjects(e)
		}
		if id := e.Response.Header("Mesos-Stream-Id"); id != "" {
			p.streams[id] = true
		}
		for _, m := range [][]byte{e.Request.Body, e.Response.Body} {
			for _, id := range idPattern.FindAll(m, -1) {
				if agentID.Match(id) {
					p.agents[string(id)]++
				}
			}
		}
		for _, event := range e.Response.Events {
			if tree, err := recordTree(event.Data, api.event()); event.Data != nil && err == nil {
				p.note(tree)
			}
		}
		switch e.Response.Header("Content-Type") {
		case "application/json":
			if tree, err := parseJSON(e.Response.Body); err == nil {
				p.note(tree)
			}
		case "application/x-protobuf":
			if tree, err := parseProtobuf(e.Response.Body, api.response()); err == nil {
				p.note(tree)
			}
		}
	}
	p.launched = launched.String()
	return p
}

// isAcknowledgement tells calls that answer for a task from those that speak of it first.
func isAcknowledgement(e *Exchange) bool {
	if e.Request.Header("Content-Type") == "application/x-protobuf" {
		tree, _ := parseProtobuf(e.Request.Body, schedulerAPI.call())
		return strings.HasPrefix(textAt(tree, "type"), "ACKNOWLEDGE")
	}
	m := callType.FindSubmatch(e.Request.Body)
	return m != nil && strings.HasPrefix(string(m[1]), "ACKNOWLEDGE")
}

var subjectName = regexp.MustCompile(`"(?:task_id|id|operation_id)": ?\{"value": ?"([^"]+)"`)

// noteSubjects collects the tasks and operations that a call names.
func (p *past) noteSubjects(e *Exchange) {
	if tree, err := parseProtobuf(e.Request.Body, schedulerAPI.call()); err == nil && e.Request.Header("Content-Type") == "application/x-protobuf" {
		walk(tree, func(o map[string]any) {
			for _, key := range []string{"task_id", "id", "operation_id"} {
				p.subjects[textAt(o, key, "value")] = true
			}
		})
	}
	for _, m := range subjectName.FindAllSubmatch(e.Request.Body, -1) {
		p.subjects[string(m[1])] = true
	}
	delete(p.subjects, "")
}

// note takes what it knows out of every object of an answer.
func (p *past) note(tree any) {
	walk(tree, func(o map[string]any) {
		u := textAt(o, "uuid")
		if u == "" {
			u = textAt(o, "uuid", "value") // of an operation
		}
		if u != "" && textAt(o, "state") != "" {
			subject := textAt(o, "task_id", "value")
			if subject == "" {
				subject = textAt(o, "operation_id", "value")
			}
			p.updates[u] = recordedUpdate{subject, textAt(o, "state")}
		}
		if id := textAt(o, "id", "value"); offerID.MatchString(id) {
			p.offers[id] = scalars(listAt(o, "resources"))
			p.offerRole[id] = textAt(o, "allocation_info", "role")
		}
		if id := textAt(o, "framework_info", "id", "value"); id != "" {
			info, _ := at(o, "framework_info").(map[string]any)
			p.framework(id).info = copyObject(info)
			p.registeredAt(id, numberAt(o, "registered_time", "nanoseconds")/1e9)
			p.endedAt(id, numberAt(o, "unregistered_time", "nanoseconds")/1e9)
		}
		if id := textAt(o, "id"); fwID.MatchString(id) {
			p.registeredAt(id, numberAt(o, "registered_time"))
			p.endedAt(id, numberAt(o, "unregistered_time"))
			if roles := listAt(o, "roles"); len(roles) > 0 && textAt(o, "name") != "" {
				p.framework(id).shown = shownInfo(o, roles)
			}
		}
		if task, container := taskContainer(o); container != "" {
			p.containers[container] = task
		}
		if id := containerID(o); id != "" {
			if ex := textAt(o, "executor_id"); ex != "" {
				p.executorOf[id] = ex
			} else if ex := textAt(o, "executor_id", "value"); ex != "" {
				p.executorOf[id] = ex
			}
		}
	})
}

// taskContainer reads from a status update which container a task of a group runs in; "" from
// anything else.
func taskContainer(o map[string]any) (task, container string) {
	id := at(o, "container_status", "container_id")
	if task = textAt(o, "task_id", "value"); task == "" || at(id, "parent") == nil {
		return "", ""
	}
	return task, textAt(id, "value")
}

// containerID is the id of an object's root container.
func containerID(o map[string]any) string {
	id := at(o, "container_id")
	if id == nil {
		id = at(o, "container_status", "container_id")
	}
	for at(id, "parent") != nil {
		id = at(id, "parent")
	}
	if s, ok := id.(string); ok {
		return s
	}
	return textAt(id, "value")
}

// shownInfo makes a FrameworkInfo of what /state tells. What is as by default was
// probably not said.
func shownInfo(o map[string]any, roles []any) map[string]any {
	info := map[string]any{"name": o["name"], "user": o["user"], "roles": roles, "capabilities": usualCapabilities()}
	if o["checkpoint"] == true {
		info["checkpoint"] = true
	}
	if numberAt(o, "failover_timeout") != 0 {
		info["failover_timeout"] = o["failover_timeout"]
	}
	return info
}

func (p *past) framework(id string) *recordedFramework {
	if p.frameworks[id] == nil {
		p.frameworks[id] = &recordedFramework{}
	}
	return p.frameworks[id]
}

func (p *past) registeredAt(id string, seconds float64) {
	if seconds > 0 {
		p.framework(id).registered = atSeconds(seconds)
	}
}

func (p *past) endedAt(id string, seconds float64) {
	if seconds > 0 {
		p.framework(id).ended = atSeconds(seconds)
	}
}

func atSeconds(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)).UTC() }

func copyObject(o map[string]any) map[string]any {
	c := make(map[string]any, len(o))
	for k, v := range o {
		c[k] = v
	}
	return c
}

// agent is the recorded id of the one agent.
func (p *past) agent() string {
	best := ""
	for id, n := range p.agents {
		if best == "" || n > p.agents[best] || n == p.agents[best] && id < best {
			best = id
		}
	}
	return best
}
