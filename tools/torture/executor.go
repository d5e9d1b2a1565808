package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/recordio"
)

// tasksPerExecutor is how many tasks a custom executor gets; it ends after them.
const tasksPerExecutor = 2

// longestWait is when a task that has not come to its executor never will.
const longestWait = time.Minute

// customExecutor plays tasks that last as long as their data says. It comes back to
// an agent that was killed, with all that it has not been told was taken in.
type customExecutor struct {
	url   string
	begun string // file that every start is noted in

	mu      sync.Mutex
	tasks   map[string]*mesos.TaskInfo       // guarded by mu; launched, nothing acknowledged
	updates map[string]*executor.Call_Update // guarded by mu; sent, not acknowledged
	order   []string                         // guarded by mu; uuids of updates as they came
	left    int                              // guarded by mu; tasks to come or under way
	running int                              // guarded by mu
}

var errShutdown = errors.New("told to shut down")

// runExecutor is the program that agents start as the custom executor.
func runExecutor(begun string) error {
	x := &customExecutor{
		url: "http://" + os.Getenv("MESOS_AGENT_ENDPOINT") + "/api/v1/executor", begun: begun,
		tasks: map[string]*mesos.TaskInfo{}, updates: map[string]*executor.Call_Update{}, left: tasksPerExecutor,
	}
	patience, err := time.ParseDuration(os.Getenv("CAPROCK_TORTURE_PATIENCE"))
	if err != nil {
		return fmt.Errorf("CAPROCK_TORTURE_PATIENCE: %w", err)
	}
	// A task that was dropped on its way never comes: its executor does not wait for it.
	time.AfterFunc(longestWait, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.running == 0 && len(x.updates) == 0 {
			os.Exit(0)
		}
		x.left = x.running
	})
	alone := time.Now()
	for time.Since(alone) < patience {
		had, err := x.subscribe()
		if errors.Is(err, errShutdown) || x.done() {
			return nil
		}
		if had {
			alone = time.Now()
		}
		time.Sleep(50 * time.Millisecond) // the agent is being started again
	}
	return fmt.Errorf("no agent for %v", patience)
}

func (x *customExecutor) done() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.left == 0 && len(x.updates) == 0
}

func (x *customExecutor) call(ctx context.Context, c *executor.Call) (*http.Response, error) {
	c.FrameworkId = &mesos.FrameworkID{Value: proto.String(os.Getenv("MESOS_FRAMEWORK_ID"))}
	c.ExecutorId = &mesos.ExecutorID{Value: proto.String(os.Getenv("MESOS_EXECUTOR_ID"))}
	body, err := codec.Protobuf.Append(nil, c)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", codec.Protobuf.ContentType())
	req.Header.Set("Accept", codec.Protobuf.ContentType())
	return http.DefaultClient.Do(req)
}

// subscribe handles events until the stream ends; had says whether there was one.
func (x *customExecutor) subscribe() (had bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resp, err := x.call(ctx, &executor.Call{Type: executor.Call_SUBSCRIBE.Enum(), Subscribe: x.unacknowledged()})
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("SUBSCRIBE: %s", resp.Status)
	}
	r := recordio.NewReader(resp.Body)
	for {
		record, err := r.Next()
		if err != nil {
			return true, err
		}
		var e executor.Event
		if err := codec.Protobuf.Unmarshal(record, &e); err != nil {
			return true, err
		}
		if e.GetType() == executor.Event_SHUTDOWN {
			return true, errShutdown
		}
		if x.handle(&e); x.done() {
			return true, nil
		}
	}
}

func (x *customExecutor) unacknowledged() *executor.Call_Subscribe {
	x.mu.Lock()
	defer x.mu.Unlock()
	sub := &executor.Call_Subscribe{}
	for _, t := range x.tasks {
		sub.UnacknowledgedTasks = append(sub.UnacknowledgedTasks, t)
	}
	for _, id := range x.order {
		if u := x.updates[id]; u != nil {
			sub.UnacknowledgedUpdates = append(sub.UnacknowledgedUpdates, u)
		}
	}
	return sub
}

func (x *customExecutor) handle(e *executor.Event) {
	switch e.GetType() {
	case executor.Event_LAUNCH:
		x.launch(e.GetLaunch().GetTask())
	case executor.Event_ACKNOWLEDGED:
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.updates, string(e.GetAcknowledged().GetUuid()))
		delete(x.tasks, e.GetAcknowledged().GetTaskId().GetValue())
	}
}

// launch begins a task, says so, and says later that it has finished.
func (x *customExecutor) launch(t *mesos.TaskInfo) {
	x.mu.Lock()
	x.tasks[t.GetTaskId().GetValue()] = t
	x.running++
	x.mu.Unlock()
	state := mesos.TaskState_TASK_FINISHED
	millis, err := strconv.Atoi(string(t.GetData()))
	if err == nil {
		err = note(x.begun, t.GetTaskId().GetValue())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		state = mesos.TaskState_TASK_FAILED
	}
	x.update(t.GetTaskId(), mesos.TaskState_TASK_RUNNING)
	time.AfterFunc(time.Duration(millis)*time.Millisecond, func() { x.update(t.GetTaskId(), state) })
}

// update sends a status and keeps it until it is acknowledged: one that fails to
// go out goes with the next subscription.
func (x *customExecutor) update(id *mesos.TaskID, s mesos.TaskState) {
	u := uuid.New()
	status := &executor.Call_Update{Status: &mesos.TaskStatus{
		TaskId: id, State: s.Enum(), Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: u[:],
	}}
	x.mu.Lock()
	x.updates[string(u[:])] = status
	x.order = append(x.order, string(u[:]))
	if terminal(s) {
		x.left--
		x.running--
	}
	x.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	resp, err := x.call(ctx, &executor.Call{Type: executor.Call_UPDATE.Enum(), Update: proto.CloneOf(status)})
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// note appends a line to the file of starts, in one write.
func note(file, id string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(id + "\n")
	return errors.Join(err, f.Close())
}
