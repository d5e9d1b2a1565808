package executor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/recordio"
)

// Path of the endpoint.
const Path = "/api/v1/executor"

// replyTimeout bounds the wait for the agent's loop, which answers after one sync
// of its disk.
const replyTimeout = 30 * time.Second

// Gateway connects executors with the core.
type Gateway struct {
	// report hands a command to the agent's loop; an error means it has ended.
	report func(core.Command) error
	// ready says whether calls can be taken at all.
	ready func() bool
	log   *slog.Logger

	mu      sync.Mutex
	last    core.Token                 // guarded by mu
	waiting map[core.Token]chan answer // guarded by mu
	streams map[core.Token]*stream     // guarded by mu
}

// answer is what became of a request: a status, or a stream.
type answer struct {
	status int
	text   string
	stream *stream
}

// NewGateway returns a Gateway. report hands over a command and fails once the
// agent has stopped; ready is false until containers are recovered.
func NewGateway(report func(core.Command) error, ready func() bool, log *slog.Logger) *Gateway {
	return &Gateway{
		report: report, ready: ready, log: log,
		waiting: map[core.Token]chan answer{}, streams: map[core.Token]*stream{},
	}
}

// Serve answers one request.
func (g *Gateway) Serve(c *httpd.Ctx) {
	if !c.IsMethod("POST") {
		c.ReplyMethodNotAllowed("POST")
		return
	}
	if !g.ready() {
		c.ReplyText(503, "Agent has not finished recovery")
		return
	}
	call, err := readCall(c)
	if err != nil {
		c.ReplyError(err)
		return
	}
	accept, _ := c.RequestHeader("Accept")
	typ, ok := codec.Negotiate(string(accept))
	if call.GetType() == executor.Call_SUBSCRIBE && !ok {
		c.ReplyText(406, "Expecting 'Accept' to allow application/json or application/x-protobuf")
		return
	}
	a := g.ask(call, typ)
	if a.stream == nil {
		if a.text == "" {
			c.ReplyEmpty(a.status)
		} else {
			c.ReplyText(a.status, a.text)
		}
		return
	}
	st := a.stream
	c.Stream(nil, typ.ContentType(), st.run)
}

// readCall reads and checks the body of a request.
func readCall(c *httpd.Ctx) (*executor.Call, error) {
	header, _ := c.RequestHeader("Content-Type")
	typ, err := codec.FromContentType(string(header))
	switch {
	case err == codec.ErrMissing:
		return nil, httpd.Refusef(400, "Expecting 'Content-Type' to be present")
	case err != nil:
		return nil, httpd.Refusef(415, "Expecting 'Content-Type' of application/json or application/x-protobuf")
	}
	body, err := c.ReadBody()
	if err != nil {
		return nil, err
	}
	call := &executor.Call{}
	if err := typ.Unmarshal(body, call); err != nil {
		return nil, httpd.Refusef(400, "Failed to parse body into Call: %v", err)
	}
	if fault := Validate(call); fault != "" {
		return nil, httpd.Refusef(400, "Failed to validate Executor::Call: %s", fault)
	}
	return call, nil
}

// ask hands a call to the core and waits for what it says.
func (g *Gateway) ask(call *executor.Call, typ codec.Type) answer {
	reply := make(chan answer, 1)
	g.mu.Lock()
	g.last++
	token := g.last
	g.waiting[token] = reply
	if call.GetType() == executor.Call_SUBSCRIBE {
		g.streams[token] = newStream(g, token, typ)
	}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.waiting, token)
		g.mu.Unlock()
	}()
	if err := g.report(core.ExecutorCall{Token: token, Call: call}); err != nil {
		g.forget(token)
		return answer{status: 503, text: "Agent is stopping"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), replyTimeout)
	defer cancel()
	select {
	case a := <-reply:
		return a
	case <-ctx.Done():
		g.forget(token)
		return answer{status: 503, text: "Agent did not answer in time"}
	}
}

// Do carries out one effect and reports whether it was one of the gateway's. It is
// called by the agent's loop only, and never blocks.
func (g *Gateway) Do(e core.Effect) bool {
	switch e := e.(type) {
	case core.Reply:
		g.forget(e.Token)
		g.answer(e.Token, answer{status: e.Status, text: e.Text})
	case core.OpenStream:
		g.answer(e.Token, answer{stream: g.stream(e.Token)})
	case core.Event:
		if st := g.stream(e.Token); st != nil {
			st.push(e.Event)
		}
	case core.CloseStream:
		if st := g.stream(e.Token); st != nil {
			st.finish()
		}
	default:
		return false
	}
	return true
}

func (g *Gateway) answer(token core.Token, a answer) {
	g.mu.Lock()
	reply := g.waiting[token]
	g.mu.Unlock()
	if reply != nil {
		reply <- a
	}
}

func (g *Gateway) stream(token core.Token) *stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.streams[token]
}

func (g *Gateway) forget(token core.Token) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, token)
}

func encode(typ codec.Type, e *executor.Event) ([]byte, error) {
	body, err := typ.Append(nil, e)
	if err != nil {
		return nil, err
	}
	return recordio.Append(nil, body), nil
}
