package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A recorded custom executor is played from outside: the process that the agent
// starts only waits, and the runner makes the calls that the recorded program
// made, including the SUBSCRIBE if the transcripts lack it.

// playExecutor makes sure that the executor of this call is there.
func (r *runner) playExecutor(ctx context.Context, e *Exchange) {
	tree, err := parseJSON(e.Request.Body)
	if err != nil {
		if tree, err = parseProtobuf(e.Request.Body, executorAPI.call()); err != nil {
			return
		}
	}
	framework, executor := textAt(tree, "framework_id", "value"), textAt(tree, "executor_id", "value")
	live, known := r.ids.Live(framework)
	if !known || executor == "" || !strings.Contains(r.past.launched, executor) {
		return // not one of ours: the call is meant to be refused
	}
	key := framework + "/" + executor
	if r.executors[key] != nil || strings.HasSuffix(e.Name, "SUBSCRIBE") {
		return
	}
	r.awaitExecutor(ctx, executor)
	if e.Response.Status() == 403 || textAt(tree, "type") == "SUBSCRIBE" {
		return // what it says before it subscribes
	}
	request := map[string]any{"type": "SUBSCRIBE", "framework_id": map[string]any{"value": live},
		"executor_id": map[string]any{"value": executor}, "subscribe": map[string]any{}}
	body, _ := json.Marshal(request)
	s := &stream{api: executorAPI}
	m, err := openStream(ctx, r.target.Agent, &Message{Line: "POST /api/v1/executor HTTP/1.1", Body: body, Headers: [][2]string{
		{"Host", r.target.Agent}, {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Content-Length", fmt.Sprint(len(body))}}}, s, r.noteFor(nil))
	if err != nil || s.conn == nil {
		r.log("subscribing as executor %s: got %v %v", executor, m, err)
		return
	}
	r.executors[key] = s
	r.await(ctx, func() bool {
		events, _ := s.seen()
		return len(events) >= 2 // SUBSCRIBED and LAUNCH
	})
}

// awaitExecutor waits until the agent has started the executor.
func (r *runner) awaitExecutor(ctx context.Context, executor string) {
	for deadline := time.Now().Add(stepPatience); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		state, err := get(ctx, r.target.Agent, "/state")
		if err != nil {
			continue
		}
		found := false
		walk(at(state, "frameworks"), func(o map[string]any) {
			found = found || textAt(o, "id") == executor && textAt(o, "container") != ""
		})
		if found {
			return
		}
	}
	r.log("the agent does not show executor %s", executor)
}

// resolveContainers finds the live containers for recorded ids in a request
// that no answer has named yet.
func (r *runner) resolveContainers(ctx context.Context, e *Exchange) {
	if r.target.Agent == "" {
		return
	}
	text := append([]byte(e.Request.Line), e.Request.Body...)
	for _, id := range idPattern.FindAll(text, -1) {
		if !plainUUID.Match(id) {
			continue
		}
		if task, of := r.past.containers[string(id)]; of {
			r.bindTaskContainer(string(id), task)
			continue
		}
		executor, ok := r.past.executorOf[string(id)]
		if _, known := r.ids.Live(string(id)); known || !ok {
			continue
		}
		containers, err := get(ctx, r.target.Agent, "/containers")
		if err != nil {
			return
		}
		list, _ := containers.([]any)
		for _, c := range list {
			if textAt(c, "executor_id") == executor {
				r.ids.Bind(string(id), textAt(c, "container_id"))
			}
		}
	}
}

// bindTaskContainer finds the container of a task of a group in the updates that have come to a
// framework that goes on: one before may have had a task of that name.
func (r *runner) bindTaskContainer(recorded, task string) {
	if _, known := r.ids.Live(recorded); known {
		return
	}
	for _, f := range r.frameworks {
		events, ended := f.seen()
		if ended {
			continue
		}
		for _, event := range events {
			status, _ := at(event.tree, "update", "status").(map[string]any)
			if t, container := taskContainer(status); t == task && container != "" {
				r.ids.Bind(recorded, container)
			}
		}
	}
}
