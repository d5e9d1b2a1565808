package core

import (
	"testing"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// fuzzWorld has something of everything: a framework with offers, tasks and an
// executor, an agent, a quota.
func fuzzWorld(t testing.TB) *world {
	w := newWorld(t)
	w.quiet = true
	for _, line := range []string{
		"watch",
		"subscribe f1 failover=10",
		"agent a1 cpus:8;mem:1024;disk:512;ports:[1-10]",
		"launch f1 t1 cpus:1;mem:32 refuse=0",
		"update a1 f1 t1 TASK_RUNNING uuid=u1",
		`operator {"type":"UPDATE_QUOTA","update_quota":{"force":true,"quota_configs":[{"role":"q","limits":{"cpus":{"value":1}}}]}}`,
		"tick 1s",
	} {
		if _, err := w.execute(line); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// FuzzSchedulerCall: no call that decodes stops the allocator or makes its state
// differ from its records.
func FuzzSchedulerCall(f *testing.F) {
	seed := fuzzWorld(f)
	for _, text := range []string{
		`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O1"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[` + seed.expand(member("t", someResources+","+someCommand)) + `]}},` + operation("RESERVE", list("resources", reservedCPU)) + `,` + operation("CREATE", list("volumes", volume)) + `]}}`,
		`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O1"}],"operations":[{"type":"LAUNCH_GROUP","launch_group":{"executor":` + seed.expand(groupExecutor) + `,"task_group":{"tasks":[` + seed.expand(member("t", someResources+","+someCommand)) + `]}}}]}}`,
		`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O1"}],"operations":[` + operation("GROW_VOLUME", `{"volume":`+volume+`,"addition":`+plainDisk+`}`) + `,` + operation("CREATE_DISK", `{"source":`+plainDisk+`,"target_type":"MOUNT"}`) + `]}}`,
		`{"type":"DECLINE","decline":{"offer_ids":[{"value":"m-O1"}],"filters":{"refuse_seconds":1}}}`,
		`{"type":"KILL","kill":{"task_id":{"value":"t1"}}}`,
		`{"type":"RECONCILE","reconcile":{"tasks":[{"task_id":{"value":"x"},"agent_id":{"value":"m-S0"}}]}}`,
		`{"type":"REVIVE","revive":{"roles":["r"]}}`, `{"type":"SUPPRESS"}`, `{"type":"TEARDOWN"}`,
		`{"type":"UPDATE_FRAMEWORK","update_framework":{"framework_info":{"user":"u","name":"n","id":{"value":"m-0000"},"roles":["a"],"capabilities":[{"type":"MULTI_ROLE"}]}}}`,
		`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["a"],"capabilities":[{"type":"MULTI_ROLE"}]}}}`,
		`{"type":"ACKNOWLEDGE_OPERATION_STATUS","acknowledge_operation_status":{"agent_id":{"value":"m-S0"},"operation_id":{"value":"o"},"uuid":"AAAAAAAAAAAAAAAAAAAAAA=="}}`,
	} {
		call := &scheduler.Call{}
		if err := decodeJSON(text, call); err != nil {
			f.Fatalf("%s: %v", text, err)
		}
		body, err := call.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		call := &scheduler.Call{}
		if codec.Protobuf.Unmarshal(body, call) != nil {
			return
		}
		w := fuzzWorld(t)
		if call.GetType() == scheduler.Call_SUBSCRIBE {
			if ValidateSchedulerCall(call, "", "") != nil {
				return
			}
			w.streams[999] = &worldFramework{name: "new", stream: 999}
			w.step(&Subscribe{Stream: 999, StreamID: "s", Call: call, Reply: 1})
		} else {
			call.FrameworkId = &mesos.FrameworkID{Value: ptr("m-0000")}
			w.call(w.frameworks["f1"], call)
		}
		w.step(&Tick{})
		w.checkReload(w.core.Hash())
	})
}

// FuzzOperatorCall: the same for operators.
func FuzzOperatorCall(f *testing.F) {
	for _, text := range []string{
		`{"type":"TEARDOWN","teardown":{"framework_id":{"value":"m-0000"}}}`,
		`{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":"m-S0"},"resources":[` + reservedCPU + `]}}`,
		`{"type":"CREATE_VOLUMES","create_volumes":{"agent_id":{"value":"m-S0"},"volumes":[` + volume + `]}}`,
		`{"type":"SHRINK_VOLUME","shrink_volume":{"agent_id":{"value":"m-S0"},"volume":` + volume + `,"subtract":{"value":1}}}`,
		`{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r","guarantees":{"cpus":{"value":1}},"limits":{"cpus":{"value":2}}}]}}`,
		`{"type":"SET_QUOTA","set_quota":{"quota_request":{"role":"s","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}}}`,
		`{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"weight":2,"role":"r"}]}}`,
		`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"m-S0"},"mark_gone":true}}`,
		`{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"m-S0"}}}`,
		`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"host-a1","ip":"10.0.0.1"}],"unavailability":{"start":{"nanoseconds":1}}}]}}}`,
		`{"type":"START_MAINTENANCE","start_maintenance":{"machines":[{"hostname":"host-a1"}]}}`,
	} {
		call := &master.Call{}
		if err := decodeJSON(text, call); err != nil {
			f.Fatalf("%s: %v", text, err)
		}
		body, err := call.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		call := &master.Call{}
		if codec.Protobuf.Unmarshal(body, call) != nil || ValidateOperatorCall(call) != nil {
			return
		}
		w := fuzzWorld(t)
		w.step(&OperatorCall{Call: call, Reply: 1})
		w.step(&Tick{})
		w.checkReload(w.core.Hash())
	})
}

// FuzzAgentFrame: no frame stops the allocator, though agents are its own.
func FuzzAgentFrame(f *testing.F) {
	w := fuzzWorld(f)
	a := w.agents["a1"]
	for _, up := range []*link.Up{
		{Body: &link.Up_Register{Register: a.register}},
		{Body: &link.Up_Unregister{Unregister: &link.Unregister{}}},
		{Body: &link.Up_Applied{Applied: &link.Applied{Seq: ptr(uint64(1))}}},
		{Body: &link.Up_Pong{Pong: &link.Pong{}}},
		statusUp(w.frameworks["f1"], a, "t1", "TASK_FINISHED", map[string]string{"uuid": "u"}),
		{Body: &link.Up_ExecutorExited{ExecutorExited: &link.ExecutorExited{FrameworkId: &mesos.FrameworkID{Value: ptr("m-0000")}, ExecutorId: &mesos.ExecutorID{Value: ptr("e")}}}},
		{Body: &link.Up_ResourcesUpdate{ResourcesUpdate: &link.ResourcesUpdate{Total: mustResources("cpus:1"), OversubscribedSet: ptr(true)}}},
		{Body: &link.Up_OperationUpdate{OperationUpdate: &link.OperationUpdate{OperationUuid: &mesos.UUID{Value: uuidOf("x")}, Status: &mesos.OperationStatus{State: mesos.OperationState_OPERATION_FINISHED.Enum(), Uuid: &mesos.UUID{Value: uuidOf("y")}}}}},
	} {
		body, err := up.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		up := &link.Up{}
		if up.UnmarshalVT(body) != nil {
			return
		}
		w := fuzzWorld(t)
		a := w.agents["a1"]
		w.step(&AgentFrame{Channel: a.channel, Up: up})
		fresh := &worldAgent{name: "fresh", channel: 998, register: &link.Register{Agent: &mesos.AgentInfo{}}}
		w.channels[998], w.agents["fresh"] = fresh, fresh
		w.step(&AgentFrame{Channel: 998, Up: up})
		w.step(&Tick{})
		w.checkReload(w.core.Hash())
	})
}
