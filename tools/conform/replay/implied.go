package replay

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Not every call of a recording need be among the transcripts. Some that are
// missing follow from those that are there: what was refused when it was tried
// again had succeeded before.

var (
	repeated = regexp.MustCompile(`^(?:(\d+)_)?(.+)_(?:again|dup)$`)
)

// implied makes exchanges for calls that must have been made. They don't count.
func implied(exchanges []*Exchange) []*Exchange {
	byArea := map[string][]*Exchange{}
	for _, e := range exchanges {
		byArea[e.Area] = append(byArea[e.Area], e)
	}
	var made []*Exchange
	for _, e := range exchanges {
		if name := firstOf(e, byArea[e.Area]); name != "" {
			c := e.Clone()
			c.Name, c.Counted = name, false
			made = append(made, c)
		}
	}
	for _, g := range gaps {
		if c := g.fill(exchanges, byArea[g.area]); c != nil {
			made = append(made, c)
		}
	}
	return made
}

// gap is a call of the known recordings that nothing repeats, but whose effect
// the answers show.
type gap struct {
	area, name string
	// like is an exchange of the area to take time, headers and, if body is
	// empty, the body from.
	like, line, body string
	// earlier is how long before that exchange the call was made.
	earlier time.Duration
	// instead replaces parts of that body, in pairs of old and new.
	instead []string
	// unless is a part of any request that fills the gap.
	unless string
}

var gaps = []gap{
	{area: "scheduler-extra2", name: "REACTIVATE_before", like: "GET_AGENTS_drained",
		body: `{"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": "AGENT"}}}`},
	{area: "master-v1-writes", name: "UPDATE_QUOTA_star", like: "UPDATE_QUOTA_clear", unless: `"role": "*"`,
		body: `{"type": "UPDATE_QUOTA", "update_quota": {"quota_configs": [{"role": "*", "guarantees": {"cpus": {"value": 1.0}}, "limits": {"cpus": {"value": 2.0}}}], "force": true}}`},
	{area: "master-v1-writes", name: "SHRINK_VOLUME", like: "GROW_VOLUME",
		body: `{"type": "SHRINK_VOLUME", "shrink_volume": {"agent_id": {"value": "AGENT"}, "volume": VOLUME, "subtract": {"value": 8.0}}}`},
	{area: "master-legacy-writes", name: "quota_delete", like: "quota_get", line: "DELETE /quota/lq HTTP/1.1", unless: "DELETE /quota"},
	{area: "master-legacy-writes", name: "reserve_ok", like: "unres_ok", line: "POST /reserve HTTP/1.1"},
	{area: "agent-containers", name: "07_REMOVE", like: "06_WAIT_again",
		instead: []string{"WAIT_NESTED_CONTAINER", "REMOVE_NESTED_CONTAINER", "wait_nested_container", "remove_nested_container"}},
	{area: "agent-containers", name: "31_SESSION_pb", like: "30_SESSION_json", instead: []string{"30_SESSION_json", "32_SESSION_pb"}},
	{area: "scheduler-pb", name: "01_ACCEPT", like: "02_REVIVE", earlier: 13 * time.Second, unless: "sleep 1; exit 3", body: acceptFailing},
	{area: "agent-sessions", name: "f.01_ACCEPT", like: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING", body: strings.Replace(acceptSessions, "-O2", "-O0", 1)},
	{area: "agent-sessions", name: "f.02_ACKNOWLEDGE_st_TASK_STARTING", like: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING",
		instead: []string{"stty", "st", "daSqmb5+T1imnsqu2ZzNwg==", "AAAAAAAAAAAAAAAAAAAAAg=="}},
	{area: "agent-sessions", name: "f.03_ACKNOWLEDGE_st_TASK_RUNNING", like: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING",
		instead: []string{"stty", "st", "daSqmb5+T1imnsqu2ZzNwg==", "AAAAAAAAAAAAAAAAAAAAAw=="}},
	{area: "agent-sessions", name: "f.04_ACKNOWLEDGE_stty_TASK_STARTING", like: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING",
		instead: []string{"daSqmb5+T1imnsqu2ZzNwg==", "AAAAAAAAAAAAAAAAAAAABA=="}},
	{area: "agent-sessions", name: "51_ATTACH_INPUT_tty", like: "61_ATTACH_INPUT_nosuch", body: inputOfTerminal},
	{area: "agent-sessions2", name: "f.01_ACCEPT", like: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING", body: acceptSessions},
}

// acceptFailing launches the task that the framework of protobuf acknowledges.
const acceptFailing = `{"framework_id": {"value": "FRAMEWORK"}, "type": "ACCEPT", "accept": {"offer_ids": [{"value": "MASTER-O22"}], "operations": [
	{"type": "LAUNCH", "launch": {"task_infos": [{"name": "pbt", "task_id": {"value": "pbt"}, "agent_id": {"value": "AGENT"},
		"command": {"value": "sleep 1; exit 3"}, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}}]}]}}],
	"filters": {"refuse_seconds": 0.0}}}`

// acceptSessions launches the group beside which sessions were recorded: one task without and one with a
// terminal, which writes a line every now and then.
const acceptSessions = `{"framework_id": {"value": "FRAMEWORK"}, "type": "ACCEPT", "accept": {"offer_ids": [{"value": "MASTER-O2"}], "operations": [
	{"type": "LAUNCH_GROUP", "launch_group": {
		"executor": {"type": "DEFAULT", "executor_id": {"value": "sx"}, "framework_id": {"value": "FRAMEWORK"}, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}},
			{"name": "disk", "type": "SCALAR", "scalar": {"value": 1.0}}]},
		"task_group": {"tasks": [
			{"name": "st", "task_id": {"value": "st"}, "agent_id": {"value": "AGENT"}, "command": {"value": "sleep 1000"}, "resources": [
				{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}}]},
			{"name": "stty", "task_id": {"value": "stty"}, "agent_id": {"value": "AGENT"}, "container": {"type": "MESOS", "tty_info": {}},
				"command": {"value": "while true; do echo tick; sleep 0.5; done"}, "resources": [
				{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32.0}}]}]}}}],
	"filters": {"refuse_seconds": 0.0}}}`

// inputOfTerminal makes a terminal bigger and types a line into it.
var inputOfTerminal = chunkedRecords(
	`{"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "CONTAINER_ID", "container_id": {"value": "tty1", "parent": {"value": "7673121b-b1d5-44df-84e9-0f5fbae52c34"}}}}`,
	`{"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "PROCESS_IO", "process_io": {"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": {"rows": 40, "columns": 100}}}}}}`,
	`{"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDIN", "data": "aGVsbG8K"}}}}`)

// chunkedRecords is the body of a streaming request: a record to a chunk.
func chunkedRecords(records ...string) string {
	var body strings.Builder
	for _, record := range records {
		record = fmt.Sprintf("%d\n%s", len(record), record)
		fmt.Fprintf(&body, "%x\r\n%s\r\n", len(record), record)
	}
	return body.String() + "0\r\n\r\n"
}

// fill makes the call, unless it is among the transcripts.
func (g *gap) fill(exchanges, area []*Exchange) *Exchange {
	var like *Exchange
	for _, e := range area {
		if e.Name == g.like {
			like = e
		}
		if e.Name == g.name || g.unless != "" && e.Response.Status()/100 == 2 && strings.Contains(e.Request.Line+string(e.Request.Body), g.unless) {
			return nil
		}
	}
	if like == nil {
		return nil
	}
	c := like.Clone()
	c.Name, c.Counted = g.name, false
	if g.line != "" {
		c.Request.Line = g.line
	}
	c.Request.Body = []byte(strings.NewReplacer(g.instead...).Replace(string(c.Request.Body)))
	if g.body != "" {
		framework := fwIDIn(like.Request.Body)
		text := strings.NewReplacer(`"FRAMEWORK"`, `"`+framework+`"`, `"MASTER-`, `"`+masterPart(framework)+`-`, `"AGENT"`, `"`+remember(&World{Exchanges: exchanges}).agent()+`"`, ": VOLUME,", ": "+grown(like)+",")
		c.Request.Body = []byte(text.Replace(g.body))
		if g.body[0] == '{' {
			setHeader(&c.Request, "Content-Type", "application/json")
		}
	}
	if g.earlier > 0 {
		setHeader(&c.Response, "Date", like.Date().Add(-g.earlier).Format(time.RFC1123))
	}
	return c
}

func setHeader(m *Message, name, value string) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i][0], name) {
			m.Headers[i][1] = value
		}
	}
}

// grown is the volume that a GROW_VOLUME leaves, whose addition was 8.
func grown(e *Exchange) string {
	call, err := parseJSON(e.Request.Body)
	if err != nil {
		return ""
	}
	volume, _ := at(call, "grow_volume", "volume").(map[string]any)
	if volume == nil {
		return ""
	}
	sum := numberAt(volume, "scalar", "value") + numberAt(call, "grow_volume", "addition", "scalar", "value")
	volume["scalar"] = map[string]any{"value": sum}
	data, _ := json.Marshal(volume)
	return string(data)
}

// firstOf names the call of which e is the repetition, if that succeeded and is
// not there.
func firstOf(e *Exchange, area []*Exchange) string {
	m := repeated.FindStringSubmatch(e.Name)
	if m == nil || session(e) != "" || e.Response.Status()/100 != 4 && m[1] == "" {
		return ""
	}
	if m[1] != "" {
		n, _ := strconv.Atoi(m[1])
		for _, other := range area {
			if number(other) == n-1 {
				return ""
			}
		}
		return fmt.Sprintf("%02d_%s", n-1, m[2])
	}
	for _, other := range area {
		if other != e && strings.HasPrefix(other.Name, m[2]) && other.Response.Status()/100 == 2 {
			return ""
		}
	}
	return m[2]
}
