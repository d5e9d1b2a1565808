package replay

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
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
	if g.body != "" {
		text := strings.NewReplacer(`"AGENT"`, `"`+remember(&World{Exchanges: exchanges}).agent()+`"`, ": VOLUME,", ": "+grown(like)+",")
		c.Request.Body = []byte(text.Replace(g.body))
	}
	return c
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
