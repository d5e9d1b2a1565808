package api

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/agent"
)

func TestNegotiation(t *testing.T) {
	const pb = "application/x-protobuf"
	for _, c := range []struct {
		name    string
		headers []string
		call    agent.Call_Type
		want    media
		status  int
	}{
		{"JSON", []string{"Content-Type", "application/json"}, agent.Call_GET_HEALTH, media{in: codec.JSON, out: codec.JSON}, 0},
		{"protobuf", []string{"Content-Type", pb, "Accept", pb}, agent.Call_GET_HEALTH, media{in: codec.Protobuf, out: codec.Protobuf}, 0},
		{"a streamed answer", []string{"Content-Type", pb, "Accept", recordIO, "Message-Accept", pb}, agent.Call_ATTACH_CONTAINER_OUTPUT,
			media{in: codec.Protobuf, out: codec.Protobuf, records: true}, 0},
		{"without Message-Accept", []string{"Content-Type", pb, "Accept", recordIO}, agent.Call_LAUNCH_NESTED_CONTAINER_SESSION,
			media{in: codec.Protobuf, out: codec.JSON, records: true}, 0},
		// As mesos-go sends them: the last of a name counts.
		{"Accept twice", []string{"Content-Type", pb, "Accept", pb, "Accept", recordIO, "Message-Accept", pb}, agent.Call_ATTACH_CONTAINER_OUTPUT,
			media{in: codec.Protobuf, out: codec.Protobuf, records: true}, 0},
		{"anything", []string{"Content-Type", pb, "Accept", "*/*"}, agent.Call_ATTACH_CONTAINER_OUTPUT, media{in: codec.Protobuf, out: codec.JSON}, 0},
		{"a streamed call", []string{"Content-Type", recordIO, "Message-Content-Type", pb}, agent.Call_ATTACH_CONTAINER_INPUT,
			media{in: codec.Protobuf, out: codec.JSON, streamed: true}, 0},
		{"no Content-Type", nil, agent.Call_GET_HEALTH, media{}, 400},
		{"an unknown one", []string{"Content-Type", "text/plain"}, agent.Call_GET_HEALTH, media{}, 415},
		{"an unknown Accept", []string{"Content-Type", pb, "Accept", "text/plain"}, agent.Call_GET_HEALTH, media{}, 406},
		{"an unknown Message-Accept", []string{"Content-Type", pb, "Accept", recordIO, "Message-Accept", "text/plain"}, agent.Call_ATTACH_CONTAINER_OUTPUT, media{}, 406},
		{"an unknown Message-Content-Type", []string{"Content-Type", recordIO, "Message-Content-Type", "text/plain"}, agent.Call_ATTACH_CONTAINER_INPUT, media{}, 415},
		{"records without their type", []string{"Content-Type", recordIO}, agent.Call_ATTACH_CONTAINER_INPUT, media{}, 400},
		{"a type of records for no records", []string{"Content-Type", pb, "Message-Content-Type", pb}, agent.Call_GET_HEALTH, media{}, 415},
		{"Message-Accept for no stream", []string{"Content-Type", pb, "Message-Accept", pb}, agent.Call_GET_HEALTH, media{}, 406},
		{"a stream of what is none", []string{"Content-Type", pb, "Accept", recordIO}, agent.Call_GET_HEALTH, media{}, 406},
		{"records of another call", []string{"Content-Type", recordIO, "Message-Content-Type", pb}, agent.Call_GET_HEALTH, media{}, 415},
		{"input that is no stream", []string{"Content-Type", pb}, agent.Call_ATTACH_CONTAINER_INPUT, media{}, 415},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
			for i := 0; i < len(c.headers); i += 2 {
				ctx.Request.Header.Add(c.headers[i], c.headers[i+1])
			}
			got, err := negotiate(ctx)
			if err == nil {
				err = got.allows(c.call)
			}
			if refusal, ok := err.(*httpd.Refusal); ok {
				if refusal.Status != c.status {
					t.Errorf("got %d %s, want %d", refusal.Status, refusal.Text, c.status)
				}
				return
			}
			if err != nil || c.status != 0 || got != c.want {
				t.Errorf("got %+v, %v; want %+v, %d", got, err, c.want, c.status)
			}
		})
	}
}

func TestChecksOfContainerCalls(t *testing.T) {
	long := func(n int) string { return `{"value":"` + strings.Repeat("x", n) + `","parent":{"value":"p"}}` }
	launch := func(rest string) string {
		return `{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"c"},` + rest + `}}`
	}
	nested := func(rest string) string {
		return `{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"c","parent":{"value":"p"}},` + rest + `}}`
	}
	deep := func(rest string) string {
		return `{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"c","parent":{"value":"p","parent":{"value":"q"}}},` + rest + `}}`
	}
	const (
		cpus  = `{"name":"cpus","type":"SCALAR","scalar":{"value":1}`
		share = `"container":{"type":"MESOS","linux_info":{"share_cgroups":`
	)
	for _, c := range []struct{ call, want string }{
		{launch(`"command":{"value":"true"}`), ""},
		{launch(`"resources":[` + cpus + `}]`), ""},
		{`{"type":"LAUNCH_CONTAINER"}`, "Expecting 'launch_container' to be present"},
		{`{"type":"LAUNCH_NESTED_CONTAINER"}`, "Expecting 'launch_nested_container' to be present"},
		{`{"type":"LAUNCH_NESTED_CONTAINER_SESSION"}`, "Expecting 'launch_nested_container_session' to be present"},
		{`{"type":"WAIT_CONTAINER"}`, "Expecting 'wait_container' to be present"},
		{`{"type":"WAIT_NESTED_CONTAINER"}`, "Expecting 'wait_nested_container' to be present"},
		{`{"type":"KILL_CONTAINER"}`, "Expecting 'kill_container' to be present"},
		{`{"type":"KILL_NESTED_CONTAINER"}`, "Expecting 'kill_nested_container' to be present"},
		{`{"type":"REMOVE_CONTAINER"}`, "Expecting 'remove_container' to be present"},
		{`{"type":"REMOVE_NESTED_CONTAINER"}`, "Expecting 'remove_nested_container' to be present"},
		{`{"type":"ATTACH_CONTAINER_OUTPUT"}`, "Expecting 'attach_container_output' to be present"},
		{`{"type":"ATTACH_CONTAINER_INPUT"}`, "Expecting 'attach_container_input' to be present"},
		{`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{}}`, "Expecting 'attach_container_input.type' to be present"},
		{`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"UNKNOWN"}}`, "'attach_container_input.type' is unknown"},
		{`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID","container_id":{"value":"a b"}}}`,
			"'attach_container_input.container_id' is invalid: 'ContainerID.value' 'a b' contains invalid characters"},
		{`{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"c"}}}`, "Expecting 'wait_nested_container.container_id.parent' to be present"},
		{`{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"c"}}}`, "Expecting 'launch_nested_container.container_id.parent' to be present"},
		{`{"type":"KILL_NESTED_CONTAINER","kill_nested_container":{"container_id":{"value":"c"}}}`, "Expecting 'kill_nested_container.container_id.parent' to be present"},
		{`{"type":"REMOVE_NESTED_CONTAINER","remove_nested_container":{"container_id":{"value":"c"}}}`, "Expecting 'remove_nested_container.container_id.parent' to be present"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":""}}}`, "'wait_container.container_id' is invalid: ID must not be empty"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":".."}}}`, "'wait_container.container_id' is invalid: '..' is disallowed"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"a/b"}}}`, "'wait_container.container_id' is invalid: 'a/b' contains invalid characters"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"c","parent":{"value":"a.b"}}}}`,
			"'wait_container.container_id' is invalid: 'ContainerID.parent' is invalid: 'ContainerID.value' 'a.b' contains invalid characters"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":` + long(242) + `}}`, ""},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":` + long(243) + `}}`,
			"'wait_container.container_id' is invalid: 'ContainerID.value' '" + strings.Repeat("x", 243) + "' exceeds the maximum length (242)"},
		{`{"type":"WAIT_CONTAINER","wait_container":{"container_id":` + long(256) + `}}`, "'wait_container.container_id' is invalid: ID must not be greater than 255 characters"},
		{launch(`"resources":[` + cpus + `,"revocable":{}}]`), "'launch_container.resources' must be non-revocable"},
		{launch(`"resources":[` + cpus + `,"reservations":[{"type":"STATIC","role":"r"}]}]`), "'launch_container.resources' must be unreserved"},
		{launch(`"resources":[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"persistence":{"id":"v"},"volume":{"mode":"RW","container_path":"v"}}}]`),
			"'launch_container.resources' may not use persistent volumes"},
		{launch(share + `true}}`), "'launch_container' is invalid: containers without a parent cannot set 'share_cgroups' to 'true'"},
		{launch(share + `false}}`), ""},
		{nested(share + `false}}`), ""},
		{deep(`"resources":[` + cpus + `}]`), "'launch_container' is invalid: containers nested at the second level or greater cannot specify resources"},
		{deep(`"limits":{"cpus":{"value":1}}`), "'launch_container' is invalid: containers nested at the second level or greater cannot specify resource limits"},
		{deep(share + `false}}`), "'launch_container' is invalid: containers nested at the second level or greater cannot set 'share_cgroups' to 'false'"},
		{`{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{"container_id":{"value":"c","parent":{"value":"p"}},` + share + `false}}}}`,
			"'launch_nested_container_session.container.linux_info' is invalid: 'share_cgroups' cannot be set to 'false' for nested container sessions"},
		{nested(`"command":{"environment":{"variables":[{"name":"A"}]}}`),
			"'launch_nested_container.command' is invalid: Environment variable 'A' of type 'VALUE' must have a value set"},
		{nested(`"command":{"environment":{"variables":[{"name":"A","type":"SECRET"}]}}`),
			"'launch_nested_container.command' is invalid: Environment variable 'A' of type 'SECRET' must have a secret set"},
		{nested(`"container":{"type":"DOCKER"}`), "'launch_nested_container.container' is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"},
		{nested(`"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"x"}]}`),
			"'launch_nested_container.container' is invalid: Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'"},
	} {
		call := &agent.Call{}
		if err := codec.JSON.Unmarshal([]byte(c.call), call); err != nil {
			t.Fatalf("%s: %v", c.call, err)
		}
		if got := checkContainerCall(call); got != c.want {
			t.Errorf("%s: got %q, want %q", c.call, got, c.want)
		}
	}
}

func TestChecksOfInput(t *testing.T) {
	for _, c := range []struct{ io, want string }{
		{`{"type":"CONTAINER_ID"}`, "Expecting 'attach_container_input.type' to be 'PROCESS_IO' instead of: 'CONTAINER_ID'"},
		{`{"type":"PROCESS_IO"}`, "Expecting 'attach_container_input.process_io' to be present"},
		{`{"type":"PROCESS_IO","process_io":{}}`, "Expecting 'process_io.type' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"UNKNOWN"}}`, "'process_io.type' is unknown"},
		{`{"type":"PROCESS_IO","process_io":{"type":"DATA"}}`, "Expecting 'process_io.data' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"DATA","data":{}}}`, "Expecting 'process_io.data.type' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"DATA","data":{"type":"STDOUT"}}}`, "Expecting 'process_io.data.type' to be 'STDIN'"},
		{`{"type":"PROCESS_IO","process_io":{"type":"DATA","data":{"type":"STDIN"}}}`, "Expecting 'process_io.data.data' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"DATA","data":{"type":"STDIN","data":""}}}`, ""},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL"}}`, "Expecting 'process_io.control' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{}}}`, "Expecting 'process_io.control.type' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"UNKNOWN"}}}`, "'process_io.control.type' is unknown"},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"HEARTBEAT"}}}`, "Expecting 'process_io.control.heartbeat' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"HEARTBEAT","heartbeat":{}}}}`, ""},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"TTY_INFO"}}}`, "Expecting 'process_io.control.tty_info' to be present"},
		{`{"type":"PROCESS_IO","process_io":{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{}}}}`, "Expecting 'tty_info.window_size' to be present"},
	} {
		in := &agent.Call_AttachContainerInput{}
		if err := codec.JSON.Unmarshal([]byte(c.io), in); err != nil {
			t.Fatalf("%s: %v", c.io, err)
		}
		got := ""
		if err := checkProcessIO(in); err != nil {
			got = err.(*httpd.Refusal).Text
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.io, got, c.want)
		}
	}
}
