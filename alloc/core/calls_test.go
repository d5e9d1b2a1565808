package core

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// schedulerShapeCases: what is refused before anything is looked up.
var schedulerShapeCases = []struct {
	rows                      rows
	call, principal, streamID string
	status                    int
	text                      string
}{
	{rows: rows{10}, call: `{}`, status: 400, text: "Failed to validate scheduler::Call: Expecting 'type' to be present"},
	{rows: rows{15}, call: `{"type":"UNKNOWN"}`, status: 400, text: "Failed to validate scheduler::Call: Expecting 'framework_id' to be present"},
	{call: `{"type":"UNKNOWN","framework_id":{"value":"x"}}`},
	{rows: rows{15}, call: `{"type":"REVIVE"}`, status: 400, text: "Failed to validate scheduler::Call: Expecting 'framework_id' to be present"},
	{call: `{"type":"REVIVE","framework_id":{"value":"x"}}`},
	{call: `{"type":"TEARDOWN","framework_id":{"value":"x"}}`},
	{call: `{"type":"SUPPRESS","framework_id":{"value":"x"}}`},
	{rows: rows{11}, call: `{"type":"SUBSCRIBE"}`, status: 400, text: "Expecting 'subscribe' to be present"},
	{call: `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}`},
	{rows: rows{14}, call: `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}`, streamID: "s", status: 400, text: "Subscribe calls should not include the 'Mesos-Stream-Id' header"},
	{rows: rows{12}, call: `{"type":"SUBSCRIBE","framework_id":{"value":"a"},"subscribe":{"framework_info":{"user":"u","name":"n","id":{"value":"b"}}}}`, status: 400, text: "'framework_id' differs from 'subscribe.framework_info.id'"},
	{rows: rows{12}, call: `{"type":"SUBSCRIBE","framework_id":{"value":"a"},"subscribe":{"framework_info":{"user":"u","name":"n"}}}`, status: 400, text: "differs"},
	{rows: rows{13}, call: `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","principal":"p"}}}`, principal: "q", status: 400, text: "does not match"},
	{call: `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","principal":"p"}}}`, principal: "p"},
	{call: `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","principal":"p"}}}`},
	{rows: rows{16}, call: `{"type":"ACKNOWLEDGE","framework_id":{"value":"x"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"YQ=="}}`, status: 400, text: "UUID"},
	{rows: rows{17}, call: `{"type":"ACKNOWLEDGE_OPERATION_STATUS","framework_id":{"value":"x"},"acknowledge_operation_status":{"operation_id":{"value":"o"},"uuid":"AAAAAAAAAAAAAAAAAAAAAA=="}}`, status: 400, text: "agent_id"},
	{rows: rows{17}, call: `{"type":"ACKNOWLEDGE_OPERATION_STATUS","framework_id":{"value":"x"},"acknowledge_operation_status":{"agent_id":{"value":"a"},"operation_id":{"value":"o"},"uuid":"AA=="}}`, status: 400, text: "UUID"},
	{rows: rows{18}, call: `{"type":"UPDATE_FRAMEWORK","framework_id":{"value":"x"},"update_framework":{"framework_info":{"user":"u","name":"n","id":{"value":"y"}}}}`, status: 400, text: "differs"},
}

func TestSchedulerCallShapes(t *testing.T) {
	checkCallError(t, "999", ValidateSchedulerCall(&scheduler.Call{Type: scheduler.Call_Type(999).Enum()}, "", ""), 400, "Expecting 'type' to be present")
	for _, c := range schedulerShapeCases {
		call := &scheduler.Call{}
		if err := decodeJSON(c.call, call); err != nil {
			t.Fatalf("%s: %v", c.call, err)
		}
		checkCallError(t, c.call, ValidateSchedulerCall(call, c.principal, c.streamID), c.status, c.text)
	}
	for _, kind := range []string{"ACCEPT", "DECLINE", "ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS", "KILL", "SHUTDOWN", "ACKNOWLEDGE",
		"ACKNOWLEDGE_OPERATION_STATUS", "RECONCILE", "RECONCILE_OPERATIONS", "MESSAGE", "REQUEST", "UPDATE_FRAMEWORK"} {
		call := &scheduler.Call{Type: scheduler.Call_Type(scheduler.Call_Type_value[kind]).Enum()}
		checkCallError(t, kind, ValidateSchedulerCall(call, "", ""), 400, fmt.Sprintf("Expecting '%s' to be present", strings.ToLower(kind)))
	}
}

func checkCallError(t *testing.T, call string, got *CallError, status int, text string) {
	t.Helper()
	switch {
	case status == 0 && got != nil:
		t.Errorf("%s: got %d %s, want it accepted", call, got.Status, got.Text)
	case status != 0 && (got == nil || got.Status != status || !strings.Contains(got.Text, text)):
		t.Errorf("%s: got %+v, want %d %q", call, got, status, text)
	}
}

func TestOperatorCallShapes(t *testing.T) {
	checkCallError(t, "no type", ValidateOperatorCall(&master.Call{}), 400, "Failed to validate master::Call: Expecting 'type' to be present")
	checkCallError(t, "UNKNOWN", ValidateOperatorCall(&master.Call{Type: master.Call_UNKNOWN.Enum()}), 0, "")
	checkCallError(t, "999", ValidateOperatorCall(&master.Call{Type: master.Call_Type(999).Enum()}), 400, "Expecting 'type' to be present")
	bare := map[string]bool{"GET_HEALTH": true, "GET_FLAGS": true, "GET_VERSION": true, "GET_LOGGING_LEVEL": true, "GET_STATE": true, "GET_AGENTS": true,
		"GET_FRAMEWORKS": true, "GET_EXECUTORS": true, "GET_OPERATIONS": true, "GET_TASKS": true, "GET_ROLES": true, "GET_WEIGHTS": true, "GET_MASTER": true,
		"SUBSCRIBE": true, "GET_MAINTENANCE_STATUS": true, "GET_MAINTENANCE_SCHEDULE": true, "GET_QUOTA": true}
	for name, n := range master.Call_Type_value {
		if name == "UNKNOWN" {
			continue
		}
		got := ValidateOperatorCall(&master.Call{Type: master.Call_Type(n).Enum()})
		if bare[name] {
			checkCallError(t, name, got, 0, "")
		} else {
			checkCallError(t, name, got, 400, "Expecting '"+strings.ToLower(name)+"' to be present")
		}
	}
	for _, kind := range []string{"GROW_VOLUME", "SHRINK_VOLUME"} {
		call := &master.Call{Type: master.Call_Type(master.Call_Type_value[kind]).Enum(), GrowVolume: &master.Call_GrowVolume{}, ShrinkVolume: &master.Call_ShrinkVolume{}}
		checkCallError(t, kind, ValidateOperatorCall(call), 400, "Expecting 'agent_id' to be present")
	}
}

// TestWhoMayCall: the checks that every call passes, in their order.
func TestWhoMayCall(t *testing.T) {
	w := newWorld(t)
	w.execute("subscribe f1 failover=100 principal=p")
	f := w.frameworks["f1"]
	ask := func(id, principal, streamID string) string {
		call := &scheduler.Call{Type: scheduler.Call_REVIVE.Enum()}
		if err := decodeJSON(`{"type":"REVIVE","framework_id":{"value":"`+id+`"}}`, call); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(w.step(&SchedulerCall{Principal: principal, StreamID: streamID, Call: call, Reply: 1}))
	}
	for _, c := range []struct{ id, principal, streamID, want string }{ // rules 19, 20, 23, 24; below 21
		{"nosuch", "p", f.streamID, "> reply 400 Framework cannot be found"},
		{f.id, "q", f.streamID, "> reply 400 Authenticated principal 'q' does not match"},
		{f.id, "p", "", "> reply 400 All non-subscribe calls should include the 'Mesos-Stream-Id' header"},
		{f.id, "p", "bogus", "> reply 400 The stream ID 'bogus' included in this request didn't match the stream ID currently associated with framework ID m-0000"},
		{f.id, "p", f.streamID, "> reply 202"},
		{f.id, "", f.streamID, "> reply 202"},
	} {
		if got := ask(c.id, c.principal, c.streamID); !strings.HasPrefix(got, c.want) {
			t.Errorf("id %q, principal %q, stream %q: got %q, want %q", c.id, c.principal, c.streamID, got, c.want)
		}
	}
	unknown := &scheduler.Call{Type: scheduler.Call_UNKNOWN.Enum(), FrameworkId: &mesos.FrameworkID{Value: &f.id}}
	if got := w.step(&SchedulerCall{Principal: "p", StreamID: f.streamID, Call: unknown, Reply: 1}); strings.TrimSpace(got) != "> reply 501 501 Not Implemented." { // rule 9
		t.Errorf("UNKNOWN: got %q", got)
	}
	old := f.streamID
	w.execute("subscribe f1")
	if got := ask(f.id, "p", old); !strings.Contains(got, "The stream ID '"+old+"'") {
		t.Errorf("the old stream after a takeover: got %q", got)
	}
	w.execute("close f1")
	if got := ask(f.id, "p", f.streamID); got != "> reply 403 Framework is not subscribed" {
		t.Errorf("disconnected: got %q", got)
	}
}

const multi = `"capabilities":[{"type":"MULTI_ROLE"}]`

// frameworkCases: what a subscription is refused for, and UPDATE_FRAMEWORK too.
var frameworkCases = []struct {
	rows             rows
	info, more, want string
}{
	{info: `"roles":["r"],` + multi},
	{info: multi}, // no roles at all
	{info: `"role":"r"`},
	{rows: rows{25}, info: `"role":"r",` + multi, want: "'FrameworkInfo.role' must not be set"},
	{rows: rows{26}, info: `"roles":["r"]`, want: "'FrameworkInfo.roles' must not be set"},
	{rows: rows{27}, info: `"roles":["a","a"],` + multi, want: "duplicate items: { a }"},
	{rows: rows{28, 48}, info: `"roles":["a b"],` + multi, want: "invalid role"},
	{rows: rows{28, 46}, info: `"roles":["/a"],` + multi, want: "invalid role"},
	{rows: rows{28, 46}, info: `"roles":["a//b"],` + multi, want: "invalid role"},
	{rows: rows{28, 47}, info: `"roles":["-a"],` + multi, want: "invalid role"},
	{rows: rows{28, 47}, info: `"roles":["a/*"],` + multi, want: "invalid role"},
	{info: `"roles":["*"],` + multi},
	{info: `"roles":["r"],"failover_timeout":-1,` + multi},
	{rows: rows{31}, info: `"roles":["r"],"failover_timeout":1e300,` + multi, want: "failover_timeout"},
	{rows: rows{30}, info: `"roles":["r"],"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{}]}}},` + multi, want: "Invalid offer filters"},
	{rows: rows{30}, info: `"roles":["r"],"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":-1}}}]}}},` + multi, want: "Invalid offer filters"},
	{rows: rows{30}, info: `"roles":["r"],"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":"Infinity"}}}]}}},` + multi, want: "Invalid offer filters"},
	{rows: rows{30}, info: `"roles":["r"],"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"cpus":{"value":1e-310}}}]}}},` + multi, want: "subnormal"},
	{info: `"roles":["r"],"offer_filters":{"r":{"min_allocatable_resources":{}}},` + multi},
	{rows: rows{35}, info: `"roles":["r"],` + multi, more: `"suppressed_roles":["x"]`, want: "Suppressed role 'x'"},
	{rows: rows{36}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"x":{"groups":[]}}}`, want: "not subscribed"},
	{rows: rows{41}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{}}}`, want: "not valid"},
	{rows: rows{42}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{}]}}}`, want: "not valid"},
	{rows: rows{43}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{},"predicate":{"exists":{}}}]}]}}}`, want: "not valid"},
	{rows: rows{44}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{}}]}]}}}`, want: "not valid"},
	{rows: rows{45}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"(("}}}]}]}}}`, want: "not valid"},
	{info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"exists":{}}}]}]}}}`},
	{rows: rows{46}, info: `"roles":[""],` + multi, want: "invalid role"},
	{rows: rows{46}, info: `"roles":["a/"],` + multi, want: "invalid role"},
	{rows: rows{47}, info: `"roles":["a/./b"],` + multi, want: "invalid role"},
	{rows: rows{47}, info: `"roles":[".."],` + multi, want: "invalid role"},
	{rows: rows{28}, info: `"role":"-r"`, want: "not a valid role"},
	{rows: rows{48}, info: `"roles":["a\tb"],` + multi, want: "invalid role"},
	{rows: rows{48}, info: `"roles":["a\nb"],` + multi, want: "invalid role"},
	{rows: rows{48}, info: `"roles":["a\u000bb"],` + multi, want: "invalid role"},
	{rows: rows{48}, info: `"roles":["a\u000cb"],` + multi, want: "invalid role"},
	{rows: rows{48}, info: `"roles":["a\rb"],` + multi, want: "invalid role"},
	{rows: rows{48}, info: `"roles":["a\u007fb"],` + multi, want: "invalid role"},
	{rows: rows{29, 49}, info: `"id":{"value":"a/b"},"roles":["r"],` + multi, want: "contains invalid characters"},
	{rows: rows{29, 49}, info: `"id":{"value":".."},"roles":["r"],` + multi, want: ".."},
	{rows: rows{29, 49}, info: `"id":{"value":"` + strings.Repeat("x", 256) + `"},"roles":["r"],` + multi, want: "255"},
	{rows: rows{43}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"pseudoattribute_type":"UNKNOWN"},"predicate":{"exists":{}}}]}]}}}`, want: "not valid"},
	{rows: rows{45}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"(?=a)"}}}]}]}}}`, want: "not valid"},
	{rows: rows{45}, info: `"roles":["r"],` + multi, more: `"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[{"selector":{"attribute_name":"a"},"predicate":{"text_matches":{"regex":"(ab|cd|ef){20}"}}}]}]}}}`, want: "not valid"},
}

func TestFrameworkRules(t *testing.T) {
	for _, c := range frameworkCases {
		text := `"framework_info":{"user":"u","name":"n",` + c.info + `}`
		if c.more != "" {
			text += "," + c.more
		}
		refused, closed := subscribeText(t, newWorld(t), text)
		if (c.want == "") != (refused == "") || !strings.Contains(refused, c.want) || closed != (c.want != "") {
			t.Errorf("SUBSCRIBE with %s: got %q, closed %v, want %q", text, refused, closed, c.want)
		}
		w := newWorld(t)
		w.must("subscribe f1 failover=10 caps= role=r")
		if strings.Contains(text, `"id":`) {
			continue // UPDATE_FRAMEWORK names the framework that there is
		}
		text = strings.Replace(text, `"name"`, `"id":{"value":"$f1"},"name"`, 1)
		got := w.must(`call f1 {"type":"UPDATE_FRAMEWORK","update_framework":{` + text + `}}`)
		if c.want == "" && !strings.Contains(got, "> reply 200") || c.want != "" && !(strings.Contains(got, "> reply 400") && strings.Contains(got, c.want)) {
			t.Errorf("UPDATE_FRAMEWORK with %s: got %s, want %q", text, got, c.want)
		}
	}
}

// subscribeText makes a SUBSCRIBE of the members and says with which ERROR it was
// refused, and whether its stream was ended.
func subscribeText(t *testing.T, w *world, members string) (refused string, closed bool) {
	t.Helper()
	call := &scheduler.Call{}
	if err := decodeJSON(`{"type":"SUBSCRIBE","subscribe":{`+members+`}}`, call); err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	call.FrameworkId = call.Subscribe.FrameworkInfo.Id
	w.streams[1] = &worldFramework{name: "f"}
	w.step(&Subscribe{Stream: 1, StreamID: "s", Call: call})
	opened := false
	for _, e := range w.out.Effects {
		switch e := e.(type) {
		case *OpenStream:
			opened = true
		case *Event:
			if e.Event.GetType() == scheduler.Event_ERROR && opened {
				refused = e.Event.Error.GetMessage()
			}
		case *CloseStream:
			closed = true
		}
	}
	return refused, closed
}

// TestFlagsThatRefuse: options that restrict who may subscribe.
func TestFlagsThatRefuse(t *testing.T) {
	w := newWorld(t)
	w.opts.RoleWhitelist, w.opts.RefuseRoot = []string{"r"}, true
	w.start()
	w.out.Reset()
	for line, want := range map[string]string{
		"subscribe f1 roles=r": "SUBSCRIBED", "subscribe f2 roles=x": "whitelist",
		"subscribe f3 roles=*": "SUBSCRIBED", "subscribe f4 roles=r user=root": "root",
	} {
		if got, err := w.execute(line); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: got %s, %v, want %q", line, got, err, want)
		}
	}
}
