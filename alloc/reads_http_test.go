package alloc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/alloc"
	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/fanout"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos/master"
)

// Each read call says the same in both encodings.
func TestReadsInBothEncodings(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	f.launch("t1")
	a.launchOf("t1")
	f.call("SUPPRESS", "{}")
	r.want("PUT", "/weights", `[{"role":"a","weight":2.5}]`, "200")
	for n, name := range master.Call_Type_name {
		kind := master.Call_Type(n)
		if !strings.HasPrefix(name, "GET_") || kind == master.Call_GET_METRICS {
			continue
		}
		ask := func(of codec.Type) *master.Response {
			t.Helper()
			body, err := of.Append(nil, &master.Call{Type: kind.Enum()})
			if err != nil {
				t.Fatal(err)
			}
			status, _, answer, err := r.client.Post(context.Background(), r.url("/api/v1"), of.ContentType(),
				[]httpc.Field{{Name: "Accept", Value: of.ContentType()}}, body)
			if err != nil || status != 200 {
				t.Fatalf("%s as %s: status %d, %v", name, of.ContentType(), status, err)
			}
			response := &master.Response{}
			if err := of.Unmarshal(answer, response); err != nil {
				t.Fatalf("%s as %s: %v", name, of.ContentType(), err)
			}
			return response
		}
		// A client that names no encoding gets JSON, so each names its own.
		json, protobuf := ask(codec.JSON), ask(codec.Protobuf)
		a, _ := codec.JSON.Append(nil, json)
		b, _ := codec.JSON.Append(nil, protobuf) // with what is left out because it is the default
		if json.GetType().String() != name || string(a) != string(b) {
			t.Errorf("%s: got as JSON\n%s\nand as protobuf\n%s", name, a, b)
		}
	}
}

// /tasks is read in pages, in either order, and by id.
func TestTasksArePaged(t *testing.T) {
	r := start(t, t.TempDir())
	f := r.subscribe("")
	a := r.dial("", 0)
	for _, id := range []string{"t1", "t2", "t3"} {
		f.launch(id)
		a.launchOf(id)
	}
	for i, id := range []string{"t2", "t1", "t3"} { // the order is that of first statuses
		a.update(f, id, 1, fmt.Sprintf("0123456789abcde%d", i))
		f.next("UPDATE")
	}
	ids := func(query string) string {
		var all []string
		for i := 0; ; i++ {
			id := text(r.get("/tasks"+query), "tasks", i, "id")
			if id == "" {
				return strings.Join(all, " ")
			}
			all = append(all, id)
		}
	}
	count := func(query string) int { return len(strings.Fields(ids(query))) }
	say(t, "all", count(""), 3)
	say(t, "limit", count("?limit=2"), 2)
	say(t, "offset", count("?offset=2"), 1)
	say(t, "limit and offset", count("?limit=1&offset=3"), 0)
	say(t, "one", ids("?task_id=t2"), "t2")
	say(t, "of a framework", count("?framework_id="+f.id), 3)
	say(t, "of nobody", ids("?framework_id=nobody"), "")
	say(t, "of the framework without id", count("?framework_id="), 0)
	say(t, "the task without id", count("?task_id="), 0)
	say(t, "the last of two", ids("?task_id=t1&task_id=t2"), "t2")
	say(t, "after a semicolon", ids("?limit=7;task_id=t2"), "t2")
	say(t, "a limit that is no number", count("?limit=two"), 3)
	say(t, "an empty limit", count("?limit="), 3)
	say(t, "a negative limit", count("?limit=-1"), 3)
	say(t, "a negative limit and an offset", count("?limit=-1&offset=1"), 0)
	say(t, "a negative offset", count("?offset=-1"), 0)
	say(t, "an escape", ids("?task%5fid=t%32"), "t2")
	say(t, "no framework has the empty id", at(r.get("/frameworks?framework_id="), "frameworks", 0), nil)
	say(t, "no agent has the empty id", at(r.get("/slaves?slave_id="), "slaves", 0), nil)
	say(t, "an agent by its id", text(r.get("/slaves?slave_id="+a.id), "slaves", 0, "id"), a.id)
	r.want("POST", "/teardown", formOf("frameworkId", f.id), "200")
	f.end()
	say(t, "those of ended frameworks too", count(""), 3)
}

// One event stream of operators more than there may be ends the oldest.
func TestOperatorStreamsAreBounded(t *testing.T) {
	r := startOptions(t, alloc.Options{WorkDir: t.TempDir(), Fanout: fanout.Options{Operators: 2}, Core: core.Options{AllocationInterval: 20 * time.Millisecond}})
	var streams []*stream
	for range 3 {
		s := r.stream("/api/v1", `{"type":"SUBSCRIBE"}`)
		s.next("SUBSCRIBED")
		streams = append(streams, s)
	}
	streams[0].end()
	r.subscribe("")
	for _, s := range streams[1:] {
		s.next("FRAMEWORK_ADDED")
	}
	say(t, "subscribers", at(r.get("/metrics/snapshot"), "master/operator_event_stream_subscribers"), 2.0)
}

// The metrics of an agent's life follow it.
func TestMetricsFollowAgents(t *testing.T) {
	r := start(t, t.TempDir())
	a := r.dial("", 0)
	metric := func(name string) any { return at(r.get("/metrics/snapshot"), "master/"+name) }
	say(t, "registrations", metric("slave_registrations"), 1.0)
	say(t, "active", metric("slaves_active"), 1.0)
	say(t, "connected", metric("slaves_connected"), 1.0)
	r.want("POST", "/api/v1", `{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":{"value":"`+a.id+`"}}}`, "200")
	say(t, "inactive", metric("slaves_inactive"), 1.0)
	a.conn.Close()
	until(t, "disconnection", func() bool { return metric("slaves_disconnected") == 1.0 })
	r.dial(a.id, 0)
	say(t, "reregistrations", metric("slave_reregistrations"), 1.0)
	r.want("POST", "/api/v1", `{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"`+a.id+`"}}}`, "200")
	say(t, "removals", metric("slave_removals"), 1.0)
	say(t, "connected at last", metric("slaves_connected"), 0.0)

	r.dial("", 0).conn.Close()
	until(t, "disconnection of the next one", func() bool { return metric("slaves_disconnected") == 1.0 })
	fresh := r.dial("", 0) // at the same address, and the work directory was lost
	say(t, "removals", metric("slave_removals"), 2.0)
	say(t, "replaced", metric("slave_removals/reason_registered"), 1.0)
	fresh.send(&link.Up{Body: &link.Up_Unregister{Unregister: &link.Unregister{}}})
	until(t, "unregistration", func() bool { return metric("slave_removals") == 3.0 })
	say(t, "unregistered", metric("slave_removals/reason_unregistered"), 1.0)
	say(t, "replaced at last", metric("slave_removals/reason_registered"), 1.0)
}
