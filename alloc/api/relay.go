package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/httpd"
)

// Whoever can reach the allocator can read the logs and files of any task and enter
// its container, without reaching the agents: such requests are passed on.
//
//	/agent/<agent id>/<path>     an endpoint of that agent (relayed lists which)
//	/tasks/files, /tasks/file    the files of a task, at the agent that has them
//
// An answer goes through as it comes, so a followed log or an attached terminal
// works as at the agent itself.

const agentPath = "/agent"

const (
	maxRelays   = 512
	relayDial   = 5 * time.Second
	relayAnswer = 1 << 20 // most of an answer to a streamed request
)

// relayed are the endpoints of agents that are passed on: not those that executors
// or the allocator itself use.
var relayed = []string{
	"api/v1", "containers", "files/browse", "files/download", "files/read", "flags", "health", "metrics/snapshot",
	"monitor/statistics", "state", "tasks/file", "tasks/files", "version",
}

// relayedHeaders are the headers of a request that mean something to an agent.
var relayedHeaders = []string{"Accept", "Accept-Encoding", "Content-Encoding", "Content-Type", "Message-Accept", "Message-Content-Type"}

// relays counts what is passed on.
type relays struct {
	open, shed atomic.Int64
	total      atomic.Uint64
	failed     atomic.Uint64 // agents that could not be reached
}

func (r *relays) put(put func(string, float64)) {
	put("caprock/relays", float64(r.open.Load()))
	put("caprock/relays/total", float64(r.total.Load()))
	put("caprock/relays/shed", float64(r.shed.Load()))
	put("caprock/relays/failed", float64(r.failed.Load()))
}

func (s *Server) relayAgent(c *httpd.Ctx) {
	id, target, _ := strings.Cut(string(c.Rest()), "/")
	if id == "" {
		c.ReplyText(400, "got no agent, want /agent/<agent id>/<path>")
		return
	}
	if !slices.Contains(relayed, target) {
		c.ReplyText(404, fmt.Sprintf("got path %q at an agent, want one of %s", target, strings.Join(relayed, ", ")))
		return
	}
	a := s.view.Agent(id)
	if a == nil {
		c.ReplyText(404, fmt.Sprintf("agent %q is not known", id))
		return
	}
	s.relay(c, a, "/"+target, string(c.URI().QueryString()))
}

// relayTask finds the agent of the task that the query names.
func (s *Server) relayTask(c *httpd.Ctx) {
	if !c.IsMethod("GET", "HEAD") {
		c.ReplyMethodNotAllowed("GET")
		return
	}
	query, err := url.ParseQuery(string(c.URI().QueryString()))
	if err != nil {
		c.ReplyText(400, err.Error())
		return
	}
	at, err := s.whereIs(query.Get("framework_id"), query.Get("task_id"))
	if err != nil {
		c.ReplyError(err)
		return
	}
	a := s.view.Agent(at.agent)
	if a == nil {
		c.ReplyText(404, fmt.Sprintf("agent %s, which ran task %s, is not known any more", at.agent, at.task))
		return
	}
	query.Set("framework_id", at.framework)
	query.Set("task_id", at.task)
	s.relay(c, a, string(c.RoutePath()), query.Encode())
}

// place is a task and the agent that has its files.
type place struct{ framework, task, agent string }

// whereIs finds a task, live or over. The beginning of its id is enough if no other
// task's begins so, and the framework may be left out if no other has such a task.
func (s *Server) whereIs(framework, task string) (place, error) {
	if task == "" {
		return place{}, httpd.Refusef(400, "got no task_id, want the id of a task")
	}
	if t := s.view.Task(framework, task); t != nil {
		return place{framework, task, t.Info().GetAgentId().GetValue()}, nil
	}
	snap := s.view.Snapshot()
	all := candidates{framework: framework, asked: task}
	// A task that ran before under the same id is covered by the one that lives.
	for t := range snap.Completed.All() {
		all.add(t)
	}
	for t := range snap.Tasks.All() {
		all.add(t)
	}
	found := all.best()
	switch len(found) {
	case 0:
		return place{}, httpd.Refusef(404, "no task has the id %q, or one that begins so", task)
	case 1:
		for p, agent := range found {
			p.agent = agent
			return p, nil
		}
	}
	return place{}, httpd.Refusef(409, "%d tasks have the id %q or one that begins so, want one of: %s", len(found), task, some(found))
}

// candidates are the tasks that may be meant by what was asked for, to their agents. The
// beginning of an id up to a dot counts before one that ends anywhere: web is web.17
// rather than webshop.3.
type candidates struct {
	framework, asked string // framework: "" for any
	exact, dot, any  map[place]string
}

func (c *candidates) add(t *core.Task) {
	c.note(place{framework: t.FrameworkID(), task: t.ID()}, t.AgentID())
}

func (c *candidates) note(p place, agent string) {
	if c.framework != "" && p.framework != c.framework || !strings.HasPrefix(p.task, c.asked) {
		return
	}
	fits := &c.any
	switch rest := p.task[len(c.asked):]; {
	case rest == "":
		fits = &c.exact
	case rest[0] == '.':
		fits = &c.dot
	}
	if *fits == nil {
		*fits = map[place]string{}
	}
	(*fits)[p] = agent
}

// best are those that fit best; more than one if it cannot be told which is meant.
func (c *candidates) best() map[place]string {
	for _, fits := range []map[place]string{c.exact, c.dot} {
		if len(fits) > 0 {
			return fits
		}
	}
	return c.any
}

// some names a few of many tasks.
func some(found map[place]string) string {
	const few = 5
	names := make([]string, 0, len(found))
	for p := range found {
		names = append(names, p.task+" of framework "+p.framework)
	}
	slices.Sort(names)
	if len(names) > few {
		names = append(names[:few], "…")
	}
	return strings.Join(names, ", ")
}

// relay passes the request on to the agent, and the answer back.
func (s *Server) relay(c *httpd.Ctx, a *core.Agent, path, query string) {
	if !a.Registered() {
		c.ReplyText(503, fmt.Sprintf("agent %s is not registered", a.ID()))
		return
	}
	if s.relays.open.Add(1) > maxRelays {
		s.relays.open.Add(-1)
		s.relays.shed.Add(1)
		c.SetReplyHeader("Retry-After", "5")
		c.ReplyText(503, fmt.Sprintf("%d requests are being passed on to agents, which is all that may be", maxRelays))
		return
	}
	s.relays.total.Add(1)
	keep := false
	defer func() {
		if !keep {
			s.relays.open.Add(-1)
		}
	}()
	to := net.JoinHostPort(a.Rec.GetAddress().GetIp(), strconv.Itoa(int(a.Rec.GetAddress().GetPort())))
	agent, err := net.DialTimeout("tcp", to, relayDial)
	if err != nil {
		s.relays.failed.Add(1)
		c.ReplyText(504, fmt.Sprintf("agent %s (%s) cannot be reached: %v", a.ID(), a.Info().GetHostname(), err))
		return
	}
	if strings.HasPrefix(string(c.Request.Header.ContentType()), "application/recordio") {
		defer agent.Close()
		s.relayStreamed(c, agent, to, path, query)
		return
	}
	body := c.Request.Body()
	head := appendHead(nil, c, to, path, query)
	head = append(head, "Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"...)
	_ = agent.SetWriteDeadline(s.opts.Clock.Now().Add(relayDial))
	if _, err := agent.Write(append(head, body...)); err != nil {
		agent.Close()
		s.relays.failed.Add(1)
		c.ReplyText(502, fmt.Sprintf("agent %s broke off: %v", a.ID(), err))
		return
	}
	keep = true
	c.Relay(func(client net.Conn) {
		defer s.relays.open.Add(-1)
		defer agent.Close()
		// A client that goes ends the agent's side as well. It has nothing more to say.
		go func() {
			_, _ = io.Copy(io.Discard, client)
			agent.Close()
		}()
		_, _ = io.Copy(client, agent)
	})
}

// appendHead begins a request to an agent, without its last headers.
func appendHead(b []byte, c *httpd.Ctx, to, path, query string) []byte {
	b = append(b, c.Method()...)
	b = append(b, ' ')
	b = append(b, (&url.URL{Path: path, RawQuery: query}).RequestURI()...)
	b = append(b, " HTTP/1.1\r\nHost: "+to+"\r\nConnection: close\r\n"...)
	for _, name := range relayedHeaders {
		if v := c.Request.Header.Peek(name); len(v) > 0 {
			b = append(append(append(b, name+": "...), v...), "\r\n"...)
		}
	}
	return b
}

// relayStreamed passes on a body while the client still writes it, and the short
// answer that follows it, or that refuses it before its end.
func (s *Server) relayStreamed(c *httpd.Ctx, agent net.Conn, to, path, query string) {
	in, err := c.Incoming()
	if err != nil {
		c.ReplyError(err)
		return
	}
	head := appendHead(nil, c, to, path, query)
	if _, err := agent.Write(append(head, "Transfer-Encoding: chunked\r\n\r\n"...)); err != nil {
		c.ReplyText(502, fmt.Sprintf("agent broke off: %v", err))
		return
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		if err := copyChunks(agent, in); err != nil && !errors.Is(err, httpd.ErrInterrupted) {
			agent.Close() // the client is gone, so nobody waits for the answer
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(agent), nil)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, relayAnswer))
	}
	in.Interrupt()
	agent.Close()
	<-copied
	if err != nil {
		s.relays.failed.Add(1)
		c.ReplyText(502, fmt.Sprintf("agent broke off: %v", err))
		return
	}
	if kind := resp.Header.Get("Content-Type"); kind != "" {
		c.Reply(resp.StatusCode, kind, body)
		return
	}
	c.ReplyEmpty(resp.StatusCode)
}

// copyChunks writes what comes as chunks of what was there at a time.
func copyChunks(w io.Writer, r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			chunk := strconv.AppendInt(nil, int64(n), 16)
			chunk = append(append(append(chunk, "\r\n"...), buf[:n]...), "\r\n"...)
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		if err == io.EOF {
			_, err = io.WriteString(w, "0\r\n\r\n")
			return err
		}
		if err != nil {
			return err
		}
	}
}
