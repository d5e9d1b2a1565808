package replay

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Not every call of a recording need be among the transcripts. Some that are
// missing follow from those that are there: what was refused when it was tried
// again had succeeded before.

var (
	repeated   = regexp.MustCompile(`^(?:(\d+)_)?(.+)_(?:again|dup)$`)
	reactivate = Message{Line: "POST /api/v1 HTTP/1.1", Body: []byte(`{"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": "%s"}}}`),
		Headers: [][2]string{{"Host", ""}, {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Content-Length", ""}}}
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
		if e.Key() == "scheduler-extra2/plain.SUBSCRIBE" {
			// The agent was drained before, and offered here.
			made = append(made, reactivation(e, exchanges))
		}
	}
	return made
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

func reactivation(e *Exchange, exchanges []*Exchange) *Exchange {
	c := e.Clone()
	c.Name, c.Counted = "REACTIVATE_before", false
	c.Request = reactivate
	c.Request.Headers = append([][2]string(nil), reactivate.Headers...)
	c.Request.Headers[0][1] = e.Request.Header("Host")
	c.Request.Body = fmt.Appendf(nil, string(reactivate.Body), remember(&World{Exchanges: exchanges}).agent())
	c.Response.Events = nil
	return c
}
