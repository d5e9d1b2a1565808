package replay

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"
)

const recordedMaster1 = "4b7f898f-e134-4676-8201-48f840ac3884"

// answered is an exchange with an answer of that second.
func answered(name, date, body string) *Exchange {
	return &Exchange{Area: "master-get-x", Name: name, Counted: true, Request: Message{Line: "GET /state HTTP/1.1", Headers: [][2]string{{"Host", "127.0.0.1:15050"}}},
		Response: Message{Line: "HTTP/1.1 200 OK", Headers: [][2]string{{"Date", "Fri, 20 Nov 2026 " + date + " GMT"}, {"Content-Type", "application/json"}}, Body: []byte(body)}}
}

// An answer is placed behind the latest moment of its second that it tells of.
func TestAnAnswerIsNoOlderThanWhatItTells(t *testing.T) {
	at := time.Date(2026, 11, 20, 17, 8, 48, 0, time.UTC)
	seconds := float64(at.Unix())
	for body, want := range map[string]time.Duration{
		fmt.Sprintf(`{"a":[{"timestamp":%f},{"registered_time":{"nanoseconds":%.0f}}]}`, seconds+0.25, (seconds+0.5)*1e9): 500 * time.Millisecond,
		fmt.Sprintf(`{"timestamp":%f}`, seconds-3): -1,
		fmt.Sprintf(`{"timestamp":%f}`, seconds+3): -1,
		`{"size":7}`: -1,
	} {
		got := tellsOf(answered("x", "17:08:48", body))
		if want < 0 && !got.IsZero() || want >= 0 && got.Sub(at).Round(time.Millisecond) != want {
			t.Errorf("%s: got %v, want %v after %v", body, got, want, at)
		}
	}
}

// planned are the moments of the steps that a world gets beside its exchanges.
func planned(exchanges ...*Exchange) []string {
	w := Worlds(exchanges)[0]
	r := &runner{world: w, past: remember(w), ids: newIds()}
	r.planUnrecorded()
	r.planWitnessed(timesOf(w))
	r.sortSteps()
	var moments []string
	for _, s := range r.steps {
		moments = append(moments, s.when.Format("15:04:05.0"))
	}
	sort.Strings(moments)
	return moments
}

// A framework that only reads tell of subscribes when it did, and ends when it did; one whose
// calls are there is left to them.
func TestFrameworksWithoutTranscriptsAreMadeUp(t *testing.T) {
	id := recordedMaster1 + "-0007"
	framework := func(ended string) string {
		return `{"leader_info":{"id":"` + recordedMaster1 + `"},"completed_frameworks":[{"id":"` + id + `","name":"n","user":"u","roles":["r"],"capabilities":[],` +
			`"registered_time":1795194525.5,"unregistered_time":` + ended + `}]}`
	}
	read := answered("state", "17:08:48", framework("1795194526.5"))
	if got := strings.Join(planned(read), " "); got != "17:08:45.5 17:08:46.5" {
		t.Errorf("steps at %s, want one for the beginning and one for the end", got)
	}
	if got := planned(answered("state", "17:08:48", framework("0.0"))); len(got) != 1 {
		t.Errorf("steps at %v for a framework that lives, want one", got)
	}
	call := answered("f.01_SUPPRESS", "17:08:46", "")
	call.Area, call.Request.Line, call.Request.Body = "scheduler", "POST /api/v1/scheduler HTTP/1.1", []byte(`{"type":"SUPPRESS","framework_id":{"value":"`+id+`"}}`)
	call.Response.Line = "HTTP/1.1 202 Accepted"
	if got := strings.Join(planned(read, call), " "); got != "17:08:46.5" {
		t.Errorf("steps at %s for a framework with calls, want its end alone", got)
	}
}

// Where the agent's processes cannot be reached, what witnesses its leaving is left out.
func TestWorldsWithoutTheAgentsLeaving(t *testing.T) {
	stream := answered("json", "17:08:48", "")
	stream.Request.Line = "POST /api/v1 HTTP/1.1"
	stream.Response.Events = []Event{{Data: []byte(`{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"a"}}}`)}}
	other := answered("state", "17:08:48", "{}")
	other.Area = "master-get-y"
	w := Worlds([]*Exchange{stream, answered("state", "17:08:48", "{}"), other})[0]
	if left := w.leaveOut(); left != 2 || len(w.Exchanges) != 1 || w.Exchanges[0] != other {
		t.Errorf("%d exchanges were left out and %d are there, want 2 and 1", left, len(w.Exchanges))
	}
}

// Members of groups run a second longer, as they did where their executor took one to start.
func TestGroupsSleepLonger(t *testing.T) {
	for given, want := range map[string]string{
		`{"type": "LAUNCH_GROUP", "value": "sleep 3; exit 0"}`: `{"type": "LAUNCH_GROUP", "value": "sleep 4; exit 0"}`,
		`{"type": "LAUNCH_GROUP", "value": "sleep 1000"}`:      `{"type": "LAUNCH_GROUP", "value": "sleep 1000"}`,
		`{"type": "LAUNCH", "value": "sleep 3"}`:               `{"type": "LAUNCH", "value": "sleep 3"}`,
	} {
		e := &Exchange{Request: Message{Line: "POST /api/v1/scheduler HTTP/1.1", Body: []byte(given)}}
		if got := string(rewriteBody(e, newIds(), nil, localFiles{})); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The calls that acknowledged what stands in the way of recorded updates are made up.
func TestWhatWasFollowedWasAcknowledged(t *testing.T) {
	update := func(state, uuid string) Event {
		return Event{Data: []byte(`{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"` + state + `"` + uuid + `}}}`)}
	}
	const uuid = `,"uuid":"M2o/hpMJSHCjm8wV9NMFTg=="`
	f := &framework{stream: &stream{api: schedulerAPI, exchange: &Exchange{Response: Message{Events: []Event{
		update("TASK_STARTING", uuid), update("TASK_RUNNING", uuid), update("TASK_RUNNING", ""), {}}}}}}
	r := &runner{}
	for state, want := range map[string]bool{"TASK_STARTING": true, "TASK_RUNNING": false} {
		if got := r.followed(f, liveUpdate{subject: "t", state: state}); got != want {
			t.Errorf("after %s: got %v, want %v", state, got, want)
		}
	}
}
