package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// do plays one exchange.
func (r *runner) do(ctx context.Context, s *step) {
	e := s.exchange
	api := apiOf(e.Request.Path(), e.toAgent())
	address := r.target.Allocator
	if e.toAgent() {
		address = r.target.Agent
	}
	r.resolve(ctx, e, api)
	request := rewrite(e, address, r.ids, r.offers, r.files)
	sent := time.Now()
	switch {
	case e.Response.Events != nil:
		r.openEvents(ctx, s, address, &request, api)
	case isRecordStream(&e.Response):
		r.readAwhile(ctx, e, address, &request, api)
	default:
		r.exchange(ctx, e, address, &request, api)
	}
	if n := len(r.results); n > 0 && r.results[n-1].Exchange == e {
		r.results[n-1].Sent = sent
	}
}

// exchange plays one with a plain answer.
func (r *runner) exchange(ctx context.Context, e *Exchange, address string, request *Message, api endpoint) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	live, err := roundTrip(ctx, address, request)
	if err != nil {
		r.report(e, []Difference{{"connection", err.Error()}})
		return
	}
	t := r.ids.try()
	diff := compareResponse(e, live, api, t)
	t.commit()
	r.report(e, diff)
}

func (r *runner) report(e *Exchange, diff []Difference) {
	if what := r.unmet[e]; what != "" {
		diff = append(diff, Difference{"events", what})
	}
	r.results = append(r.results, Result{Exchange: e, Differences: diff})
}

// openEvents starts a stream that goes on while later steps are done.
func (r *runner) openEvents(ctx context.Context, st *step, address string, request *Message, api endpoint) {
	e := st.exchange
	s := &stream{exchange: e, api: api}
	var f *framework
	if api == schedulerAPI {
		f = &framework{stream: s, recordedStream: e.Response.Header("Mesos-Stream-Id"), recordedFramework: subscribedAs(e, api)}
	}
	live, err := openStream(ctx, address, request, s, r.noteFor(f))
	if err != nil {
		r.report(e, []Difference{{"connection", err.Error()}})
		return
	}
	t := r.ids.try()
	diff := compareResponse(e, live, api, t)
	t.commit()
	if s.conn == nil {
		r.report(e, diff)
		return
	}
	if f != nil {
		r.frameworks[f.recordedStream] = f
	}
	r.streams = append(r.streams, s)
	r.planClose(st, s, diff)
}

// subscribedAs is the framework id in a recorded stream's SUBSCRIBED event.
func subscribedAs(e *Exchange, api endpoint) string {
	trees, _ := recordedTrees(e.Response.Events, api.event())
	for _, t := range trees {
		if id := textAt(t, "subscribed", "framework_id", "value"); id != "" {
			return id
		}
	}
	return ""
}

// noteFor gives the function that takes in the events of a stream.
func (r *runner) noteFor(f *framework) func(*stream, any) {
	return func(s *stream, event any) {
		if f != nil && event != nil {
			f.note(event)
			if textAt(event, "type") == "SUBSCRIBED" {
				r.ids.Bind(f.recordedFramework, f.liveFramework)
				r.ids.Bind(masterPart(f.recordedFramework), textAt(event, "subscribed", "master_info", "id"))
			}
		}
		if s.api == executorAPI && textAt(event, "type") == "SHUTDOWN" {
			os.WriteFile(r.doneFile(), nil, 0o644)
		}
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

// masterPart is the id of the master that gave a framework or agent its id.
func masterPart(id string) string {
	if !fwID.MatchString(id) && !agentID.MatchString(id) {
		return ""
	}
	return id[:36]
}

// planClose makes a recorded stream end where it did.
func (r *runner) planClose(st *step, s *stream, diff []Difference) {
	finish := func(ctx context.Context) {
		r.await(ctx, func() bool { return len(r.missingGroups(s, time.Time{})) == 0 })
		if f := r.frameworks[s.exchange.Response.Header("Mesos-Stream-Id")]; f == nil || !r.keep[f.recordedFramework] {
			s.close()
		}
		events, _ := s.seen()
		t := r.ids.try()
		diff = append(diff, compareEvents(s.exchange.Response.Events, s.api, events, r.launched, t)...)
		t.commit()
		r.report(s.exchange, diff)
		s.exchange = nil
	}
	end := st.when.Add(24 * time.Hour)
	for _, event := range s.exchange.Response.Events {
		if event.Data == nil {
			end = st.when.Add(event.Since)
		}
	}
	r.add(end, finish)
	r.sortSteps()
}

// await waits a while for a condition.
func (r *runner) await(ctx context.Context, met func() bool) {
	for deadline := time.Now().Add(lastPatience); time.Now().Before(deadline) && ctx.Err() == nil && !met(); {
		select {
		case <-r.changed:
		case <-time.After(tick):
		}
	}
}

// caughtUp says whether every open stream has brought what it should have
// brought well before that moment.
func (r *runner) caughtUp(when time.Time) bool {
	for _, s := range r.streams {
		if len(r.missingGroups(s, when)) > 0 {
			return false
		}
	}
	return true
}

// slack is how far the guessed times may be off.
const slack = time.Second

// missingGroups lists groups of events of which the live stream has fewer than
// the recorded one had by then; by its end if when is zero.
func (r *runner) missingGroups(s *stream, when time.Time) map[string]bool {
	if s.exchange == nil {
		return nil
	}
	live, ended := s.seen()
	if ended {
		return nil
	}
	var due []Event
	for _, event := range s.exchange.Response.Events {
		if when.IsZero() || s.exchange.at().Add(event.Since).Add(slack).Before(when) {
			due = append(due, event)
		}
	}
	want, err := recordedTrees(due, s.api.event())
	if err != nil {
		return nil
	}
	var got []any
	for _, e := range live {
		got = append(got, e.tree)
	}
	have := group(got)
	missing := map[string]bool{}
	for name, g := range group(want) {
		if name == "OFFERS" || name == "RESCIND" || r.late[name] {
			continue
		}
		if task, of := taskOf(name); of && !r.launched(task) {
			continue
		}
		if have[name] == nil || len(have[name].events) < len(g.events) {
			missing[name] = true
		}
	}
	return missing
}

// readAwhile plays an exchange whose recorded body is a stream that was read
// until it ended or had nothing more to say.
func (r *runner) readAwhile(ctx context.Context, e *Exchange, address string, request *Message, api endpoint) {
	var recorded []Event
	readRecords(bytes.NewReader(e.Response.Body), func(record []byte) { recorded = append(recorded, Event{Data: record}) })
	s := &stream{exchange: e, api: api}
	live, err := openStream(ctx, address, request, s, r.noteFor(nil))
	if err != nil {
		r.report(e, []Difference{{"connection", err.Error()}})
		return
	}
	t := r.ids.try()
	diff := compareResponse(e, live, api, t)
	if s.conn != nil {
		r.await(ctx, func() bool {
			events, ended := s.seen()
			return ended || api != agentAPI && len(events) >= len(recorded) || api == agentAPI && printedAsMuch(recorded, events)
		})
		if isSession(&e.Request) {
			r.awaitEnd(ctx, s)
		}
		s.close()
		events, _ := s.seen()
		diff = append(diff, compareEvents(recorded, api, events, r.launched, t)...)
	}
	t.commit()
	r.report(e, diff)
}

// isSession says whether a call starts a command that lives as long as the stream of its answer.
func isSession(m *Message) bool {
	const session = "LAUNCH_NESTED_CONTAINER_SESSION"
	if tree, err := parseProtobuf(m.Body, agentAPI.call()); err == nil && m.Header("Content-Type") == "application/x-protobuf" {
		return textAt(tree, "type") == session
	}
	return strings.Contains(string(m.Body), `"`+session+`"`)
}

// awaitEnd lets the command of a session that has printed everything end by itself: with the
// stream it would be killed.
func (r *runner) awaitEnd(ctx context.Context, s *stream) {
	for deadline := time.Now().Add(gapLimit); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(tick) {
		if _, ended := s.seen(); ended {
			return
		}
	}
}

// resolve finds live counterparts for what the call refers to.
func (r *runner) resolve(ctx context.Context, e *Exchange, api endpoint) {
	switch api {
	case schedulerAPI:
		r.resolveCall(e)
	case executorAPI:
		r.playExecutor(ctx, e)
	case masterAPI:
		r.unsettled = r.unsettled || changesWhatIsOffered(&e.Request)
	case agentAPI, noAPI:
		r.resolveContainers(ctx, e)
	}
}

// changesWhatIsOffered says whether an operator's call may take offers back.
func changesWhatIsOffered(m *Message) bool {
	kind := callType.FindSubmatch(m.Body)
	return kind != nil && strings.HasPrefix(string(kind[1]), "UPDATE_")
}

func (r *runner) resolveCall(e *Exchange) {
	f := r.frameworks[e.Request.Header("Mesos-Stream-Id")]
	if f == nil {
		return
	}
	n := needsOf(e, r.past)
	r.unsettled = r.unsettled || n.kind == "ACCEPT" || n.kind == "DECLINE"
	if unknown := r.unknownOffers(n); len(unknown) > 0 {
		live := f.takeInverse
		if !n.inverse {
			live = func() []string { return f.takeOffers(n.role) }
		}
		spread(r.offers, unknown, live())
	}
	if n.uuid == "" {
		return
	}
	if _, known := r.ids.Live(n.uuid); !known {
		if u, ok := f.update(n.operation, n.subject, n.state); ok {
			r.ids.Bind(n.uuid, u.uuid)
		}
	}
	if live, known := r.ids.Live(n.uuid); known {
		f.acknowledged(live)
	}
}

// spread lets live ids stand for recorded ones. Without any live one the
// recorded remain, as ids that the cluster does not know.
func spread(offers map[string][]string, recorded, live []string) {
	if len(live) == 0 {
		return
	}
	for i, id := range recorded {
		switch {
		case i >= len(live):
			offers[id] = []string{}
		case i == len(recorded)-1:
			offers[id] = live[i:]
		default:
			offers[id] = live[i : i+1]
		}
	}
}

// subscribe opens a stream that the transcripts lack.
func (r *runner) subscribe(ctx context.Context, recordedStream, recordedFramework string, request Message) {
	request.Headers[0][1] = r.target.Allocator
	request.Headers = append(request.Headers, [2]string{"Content-Length", fmt.Sprint(len(request.Body))})
	s := &stream{api: schedulerAPI}
	f := &framework{stream: s, recordedStream: recordedStream, recordedFramework: recordedFramework}
	live, err := openStream(ctx, r.target.Allocator, &request, s, r.noteFor(f))
	if err != nil || s.conn == nil {
		r.log("inventing a SUBSCRIBE for %s: got %v %v", recordedFramework, live, err)
		return
	}
	r.ids.Bind(recordedStream, live.Header("Mesos-Stream-Id"))
	r.frameworks[recordedStream] = f
	r.streams = append(r.streams, s)
	r.await(ctx, func() bool {
		_, ok := r.ids.Live(recordedFramework)
		return ok
	})
}

func (r *runner) hangUp(recordedStream string) {
	if f := r.frameworks[recordedStream]; f != nil {
		f.close()
	}
}

// acknowledge acknowledges an update by a call that the transcripts lack.
func (r *runner) acknowledge(f *framework, u liveUpdate) {
	body, _ := json.Marshal(map[string]any{
		"framework_id": map[string]any{"value": f.liveFramework}, "type": "ACKNOWLEDGE",
		"acknowledge": map[string]any{"agent_id": map[string]any{"value": u.agent}, "task_id": map[string]any{"value": u.subject}, "uuid": u.uuid},
	})
	r.callAs(f, string(body))
}

// callAs makes a call of a framework that the transcripts lack.
func (r *runner) callAs(f *framework, body string) {
	streamID, _ := r.ids.Live(f.recordedStream)
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	m, err := roundTrip(ctx, r.target.Allocator, &Message{Line: "POST /api/v1/scheduler HTTP/1.1", Body: []byte(body), Headers: [][2]string{
		{"Host", r.target.Allocator}, {"Content-Type", "application/json"}, {"Mesos-Stream-Id", streamID}, {"Content-Length", fmt.Sprint(len(body))}}})
	if err != nil || m.Status() != 202 {
		r.log("a call that no transcript has: got %v %v", m, err)
	}
}

// hostPort takes the scheme from a URL.
func hostPort(url string) (string, error) {
	hp := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	if _, _, err := net.SplitHostPort(hp); err != nil {
		return "", fmt.Errorf("got the URL %q, want http://host:port", url)
	}
	return hp, nil
}
