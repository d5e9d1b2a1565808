package alloc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// patience bounds every wait of these tests; nothing takes nearly as long.
const patience = time.Minute

// service is a running allocator over a directory.
type service struct {
	t      testing.TB
	dir    string
	s      *alloc.Service
	client *httpc.Client
	cancel context.CancelFunc
	ended  chan error
}

func start(t testing.TB, dir string) *service {
	t.Helper()
	return startWith(t, dir, core.Options{AllocationInterval: 20 * time.Millisecond})
}

func startWith(t testing.TB, dir string, rules core.Options) *service {
	t.Helper()
	return startOptions(t, alloc.Options{WorkDir: dir, Core: rules})
}

// startOptions starts a service with all options of a test's own.
func startOptions(t testing.TB, o alloc.Options) *service {
	t.Helper()
	dir := o.WorkDir
	o.Listen, o.Logger = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	s, err := alloc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &service{t: t, dir: dir, s: s, client: httpc.New(httpc.Options{}), cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }()
	<-s.Ready()
	t.Cleanup(r.stop)
	return r
}

// stop ends the service and waits for it.
func (r *service) stop() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.ended; err != nil {
		r.t.Errorf("the service ended with %v", err)
	}
	r.client.Close()
}

func (r *service) url(path string) string { return "http://" + r.s.Addr().String() + path }

func (r *service) post(path, body string, headers ...httpc.Field) (int, string) {
	r.t.Helper()
	status, _, answer, err := r.client.Post(context.Background(), r.url(path), "application/json", headers, []byte(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return status, string(answer)
}

// get fetches a JSON body.
func (r *service) get(path string) any {
	r.t.Helper()
	status, _, body, err := r.client.Get(context.Background(), r.url(path))
	if err != nil || status != 200 {
		r.t.Fatalf("GET %s: status %d, %v", path, status, err)
	}
	return decode(r.t, body)
}

// read makes a v1 read call.
func (r *service) read(call string) any {
	r.t.Helper()
	status, body := r.post("/api/v1", `{"type":"`+call+`"}`)
	if status != 200 {
		r.t.Fatalf("%s: status %d: %s", call, status, body)
	}
	return at(decode(r.t, []byte(body)), strings.ToLower(call))
}

func decode(t testing.TB, body []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

// at walks into decoded JSON: names and indices; nil if something is missing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func text(v any, path ...any) string { s, _ := at(v, path...).(string); return s }

// stream is an open event stream, read by a goroutine.
type stream struct {
	t   testing.TB
	sub *httpc.Subscription

	mu     sync.Mutex
	events []any
	err    error
	seen   int
}

func (r *service) stream(path, body string) *stream {
	r.t.Helper()
	sub, err := r.client.Subscribe(context.Background(), &httpc.Request{
		URL: r.url(path), ContentType: "application/json", Body: []byte(body),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	s := &stream{t: r.t, sub: sub}
	go func() {
		for {
			b, err := sub.Next()
			s.mu.Lock()
			if err != nil {
				s.err = err
				s.mu.Unlock()
				return
			}
			var v any
			if e := json.Unmarshal(b, &v); e != nil {
				v = fmt.Sprintf("not JSON: %s", b)
			}
			s.events = append(s.events, v)
			s.mu.Unlock()
		}
	}()
	r.t.Cleanup(sub.Close)
	return s
}

// next waits for the next event of a type and returns its payload; others in
// between are skipped.
func (s *stream) next(kind string) any {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		for s.seen < len(s.events) {
			e := s.events[s.seen]
			s.seen++
			if text(e, "type") == kind {
				s.mu.Unlock()
				return at(e, strings.ToLower(kind))
			}
		}
		err := s.err
		s.mu.Unlock()
		if err != nil || time.Now().After(deadline) {
			s.t.Fatalf("no %s: the stream says %v after %v", kind, err, s.types())
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *stream) types() (kinds []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		kinds = append(kinds, text(e, "type"))
	}
	return kinds
}

// end waits for the end of the stream.
func (s *stream) end() {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s.mu.Lock()
		err := s.err
		s.mu.Unlock()
		if err != nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the stream does not end after %v", s.types())
		}
		time.Sleep(time.Millisecond)
	}
}

// framework is a scheduler with its stream.
type framework struct {
	*stream
	r  *service
	id string
}

const capabilities = `[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"PARTITION_AWARE"}]`

// subscribe registers a framework, or with an id brings it back.
func (r *service) subscribe(id string) *framework {
	r.t.Helper()
	info, outer := `"user":"root","name":"f","roles":["r"],"failover_timeout":1000,"capabilities":`+capabilities, ""
	if id != "" {
		info += `,"id":{"value":"` + id + `"}`
		outer = `"framework_id":{"value":"` + id + `"},`
	}
	f := &framework{r: r, stream: r.stream("/api/v1/scheduler", `{"type":"SUBSCRIBE",`+outer+`"subscribe":{"framework_info":{`+info+`}}}`)}
	f.id = text(f.next("SUBSCRIBED"), "framework_id", "value")
	return f
}

// call makes a call that must be accepted.
func (f *framework) call(kind, payload string) {
	f.r.t.Helper()
	body := fmt.Sprintf(`{"type":"%s","framework_id":{"value":"%s"},"%s":%s}`, kind, f.id, strings.ToLower(kind), payload)
	status, answer := f.r.post("/api/v1/scheduler", body, httpc.Field{Name: "Mesos-Stream-Id", Value: f.sub.StreamID})
	if status != 202 {
		f.r.t.Fatalf("%s: status %d: %s", kind, status, answer)
	}
}

// offer waits for an offer.
func (f *framework) offer() (offer, agent string) {
	f.r.t.Helper()
	o := f.next("OFFERS")
	return text(o, "offers", 0, "id", "value"), text(o, "offers", 0, "agent_id", "value")
}

// launch starts a task on a fresh offer.
func (f *framework) launch(task string) (agent string) {
	f.r.t.Helper()
	offer, agent := f.offer()
	f.call("ACCEPT", fmt.Sprintf(`{"offer_ids":[{"value":"%s"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[
		{"name":"%s","task_id":{"value":"%s"},"agent_id":{"value":"%s"},"command":{"value":"sleep 1000"},
		"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"allocation_info":{"role":"r"}},
			{"name":"mem","type":"SCALAR","scalar":{"value":64},"allocation_info":{"role":"r"}}]}]}}],"filters":{"refuse_seconds":0}}`,
		offer, task, task, agent))
	return agent
}

// agent plays the other end of the link.
type agent struct {
	t       testing.TB
	conn    *transport.AgentConn
	channel uint32
	frames  chan *link.Down
	id      string
}

// dial opens a link and registers: a new agent, or with an id one that returns
// with tasks and the last outbox number it has applied.
func (r *service) dial(id string, applied uint64, tasks ...*mesos.Task) *agent {
	r.t.Helper()
	conn, err := transport.Dial(context.Background(), r.client, r.url(""), nil, transport.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	a := &agent{t: r.t, conn: conn, channel: 7, frames: make(chan *link.Down, 1000)}
	r.t.Cleanup(conn.Close)
	go func() {
		defer close(a.frames)
		for {
			d, err := conn.Recv()
			if err != nil {
				return
			}
			if d.GetPing() != nil {
				a.send(&link.Up{Body: &link.Up_Pong{Pong: &link.Pong{}}})
				continue
			}
			a.frames <- d
		}
	}()
	total, err := resource.Parse("cpus:8;mem:8192;disk:10000;ports:[31000-32000]", "*")
	if err != nil {
		r.t.Fatal(err)
	}
	info := &mesos.AgentInfo{Hostname: ptr("host"), Port: ptr(int32(5051)), Resources: total.ToProto(resource.PostRefinement)}
	if id != "" {
		info.Id = &mesos.AgentID{Value: &id}
	}
	var frameworks []*mesos.FrameworkInfo
	for _, task := range tasks {
		frameworks = append(frameworks, &mesos.FrameworkInfo{
			Id: task.FrameworkId, User: ptr("root"), Name: ptr("f"), Roles: []string{"r"},
			Capabilities: []*mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE.Enum()}},
		})
	}
	a.send(&link.Up{Body: &link.Up_Register{Register: &link.Register{
		Agent: info, Frameworks: frameworks, Version: ptr("1.12.0"), Total: info.Resources, Tasks: tasks, AppliedSeq: &applied,
		BootId: ptr("boot"), Instance: ptr(fmt.Sprintf("%p", conn)),
		Address: &mesos.Address{Ip: ptr("127.0.0.1"), Port: ptr(int32(5051))},
		Capabilities: []*mesos.AgentInfo_Capability{
			{Type: mesos.AgentInfo_Capability_MULTI_ROLE.Enum()},
			{Type: mesos.AgentInfo_Capability_HIERARCHICAL_ROLE.Enum()},
			{Type: mesos.AgentInfo_Capability_RESERVATION_REFINEMENT.Enum()},
			{Type: mesos.AgentInfo_Capability_RESIZE_VOLUME.Enum()},
		},
	}}})
	a.id = a.next("registration", func(d *link.Down) bool { return d.GetRegistered() != nil }).GetRegistered().GetAgentId().GetValue()
	return a
}

func (a *agent) send(up *link.Up) {
	up.Channel = &a.channel
	if err := a.conn.Send(up); err != nil && !errors.Is(err, transport.ErrClosed) {
		a.t.Logf("agent: %v", err)
	}
}

// next waits for a frame; others in between are skipped.
func (a *agent) next(what string, wanted func(*link.Down) bool) *link.Down {
	a.t.Helper()
	timeout := time.After(patience)
	var skipped []*link.Down
	for {
		select {
		case d, ok := <-a.frames:
			if !ok {
				a.t.Fatalf("the link ended before %s, after %v", what, skipped)
			}
			if d.GetChannel() != a.channel {
				a.t.Fatalf("a frame for channel %d came on the link of channel %d", d.GetChannel(), a.channel)
			}
			if wanted(d) {
				return d
			}
			skipped = append(skipped, d)
		case <-timeout:
			a.t.Fatalf("no frame with %s among %v", what, skipped)
		}
	}
}

func (a *agent) launchOf(task string) *link.Down {
	a.t.Helper()
	return a.next("launch of "+task, func(d *link.Down) bool {
		return d.GetLaunch() != nil && d.GetLaunch().GetTasks()[0].GetTaskId().GetValue() == task
	})
}

func (a *agent) update(f *framework, task string, state mesos.TaskState, uuid string) {
	a.send(&link.Up{Body: &link.Up_StatusUpdate{StatusUpdate: &link.StatusUpdate{
		FrameworkId: &mesos.FrameworkID{Value: &f.id},
		LatestState: &state,
		Status: &mesos.TaskStatus{
			TaskId: &mesos.TaskID{Value: &task}, AgentId: &mesos.AgentID{Value: &a.id}, State: &state,
			Source: mesos.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: ptr(1.5), Uuid: []byte(uuid),
		},
	}}})
}

func ptr[T any](v T) *T { return &v }
