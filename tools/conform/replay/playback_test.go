package replay

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caprock/caprock/wire/recordio"
)

// playback is a server that answers as the transcripts say, but under other
// ids, so that only a runner that maps ids gets along with it.
type playback struct {
	t      *testing.T
	server *http.Server
	mu     sync.Mutex
	left   map[string][]*Exchange // unanswered exchanges by key
	now    time.Time              // the date of the latest request
	agent  string                 // its recorded id
	alter  func(*Exchange) *Exchange
}

// disguise turns recorded ids into others and, being its own inverse, back.
var disguise = strings.NewReplacer("a74573bb-", "db6f4a00-", "db6f4a00-", "a74573bb-", "d619eeff-", "94b85f4b-", "94b85f4b-", "d619eeff-",
	"394ba309-", "5e3ac1d0-", "5e3ac1d0-", "394ba309-")

// newPlayback serves exchanges; alter may change an answer on its way out.
func newPlayback(t *testing.T, exchanges []*Exchange, alter func(*Exchange) *Exchange) Target {
	p := &playback{t: t, left: map[string][]*Exchange{}, alter: alter, agent: remember(&World{Exchanges: exchanges}).agent()}
	for _, e := range exchanges {
		k := playbackKey(e.Request.Method(), e.Request.Target(), e.Request.Body)
		p.left[k] = append(p.left[k], e)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.server = &http.Server{Handler: p}
	go p.server.Serve(l)
	t.Cleanup(func() { p.server.Close() })
	return Target{Allocator: l.Addr().String(), Agent: l.Addr().String()}
}

// waitingCommand is what the runner lets a custom executor do.
var waitingCommand = regexp.MustCompile(`until \[ -e [^;]*; do [^;]*; done`)

// playbackKey leaves out which offers a call names: a runner may take others.
func playbackKey(method, target string, body []byte) string {
	text := anyOffer.ReplaceAllString(string(body), "offer")
	text = waitingCommand.ReplaceAllString(customProgram.ReplaceAllString(text, "executor"), "executor")
	for strings.Contains(text, `{"value": "offer"}, {"value": "offer"}`) {
		text = strings.ReplaceAll(text, `{"value": "offer"}, {"value": "offer"}`, `{"value": "offer"}`)
	}
	return method + " " + target + " " + text
}

func (p *playback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.UserAgent() == ownAgent {
		if r.URL.Path == "/slaves" {
			fmt.Fprintf(w, `{"slaves":[{"id":%q}]}`, disguise.Replace(p.agent))
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	target := disguise.Replace(r.URL.RequestURI())
	e := p.take(playbackKey(r.Method, target, []byte(disguise.Replace(string(body)))), r.Header.Get("Accept"))
	if e == nil {
		http.Error(w, "not in the transcripts", http.StatusTeapot)
		return
	}
	if p.alter != nil {
		e = p.alter(e.Clone())
	}
	for _, h := range e.Response.Headers {
		switch h[0] {
		case "Content-Length", "Transfer-Encoding":
		default:
			w.Header().Set(h[0], disguise.Replace(h[1]))
		}
	}
	if e.Response.Header("Content-Type") == "" {
		w.Header()["Content-Type"] = nil
	}
	status := e.Response.Status()
	if e.Response.Events == nil && !isRecordStream(&e.Response) {
		answer := []byte(disguise.Replace(string(e.Response.Body)))
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
		w.WriteHeader(status)
		w.Write(answer)
		return
	}
	w.WriteHeader(status)
	w.(http.Flusher).Flush()
	if e.Response.Events == nil {
		w.Write([]byte(disguise.Replace(string(e.Response.Body))))
		return
	}
	p.stream(w, r, e)
}

// take finds the next recorded answer to a request; of several the one that
// accepts the same.
func (p *playback) take(key, accept string) *Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.left[key]
	for i, e := range list {
		if e.Request.Header("Accept") != accept {
			continue
		}
		p.left[key] = append(list[:i:i], list[i+1:]...)
		if e.Date().After(p.now) {
			p.now = e.Date()
		}
		return e
	}
	return nil
}

// stream sends each event once the calls recorded before it have been made.
func (p *playback) stream(w http.ResponseWriter, r *http.Request, e *Exchange) {
	for _, event := range e.Response.Events {
		due := e.Date().Add(event.Since - time.Second)
		for r.Context().Err() == nil {
			p.mu.Lock()
			reached := !p.now.Before(due)
			p.mu.Unlock()
			if reached {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if event.Data == nil || r.Context().Err() != nil {
			return
		}
		w.Write(recordio.Append(nil, []byte(disguise.Replace(string(event.Data)))))
		w.(http.Flusher).Flush()
	}
	<-r.Context().Done()
}

// areasOf keeps the exchanges of some areas, in their order.
func areasOf(all []*Exchange, areas ...string) []*Exchange {
	var some []*Exchange
	for _, e := range all {
		for _, a := range areas {
			if e.Area == a {
				some = append(some, e)
			}
		}
	}
	sort.SliceStable(some, func(i, j int) bool { return some[i].at().Before(some[j].at()) })
	return some
}

// differing plays every world against a server of the same exchanges and lists
// which of them differ.
func differing(t *testing.T, exchanges []*Exchange, alter func(*Exchange) *Exchange) map[string][]Difference {
	t.Helper()
	found := map[string][]Difference{}
	for _, w := range Worlds(exchanges) {
		target := newPlayback(t, w.Exchanges, alter)
		results, err := Play(t.Context(), w, target, newIds(), t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if !r.Same() {
				found[r.Key()] = r.Differences
			}
		}
		if len(results) != len(w.Exchanges) {
			t.Errorf("world %s: %d results for %d exchanges", w.Name, len(results), len(w.Exchanges))
		}
	}
	return found
}

// The recorded server itself differs in nothing from what was recorded.
func TestTheRecordedServerIsTheSame(t *testing.T) {
	t.Parallel()
	all := packed(t)
	exchanges := areasOf(all, "scheduler-executor", "master-get-with-agent", "master-v1-json-with-agent", "master-v1-pb-with-agent", "master-legacy-writes", "agent-get-idle")
	for key, diff := range differing(t, exchanges, nil) {
		t.Errorf("%s: %v", key, diff)
	}
}

// Each kind of fault in an answer is found, in that answer alone.
func TestFaultsAreFound(t *testing.T) {
	cases := []struct {
		name, key string
		alter     func(*Exchange)
		want      string
	}{
		{"another status", "master-get-with-agent/health", func(e *Exchange) { e.Response.Line = "HTTP/1.1 500 Internal Server Error" }, "status: got 500, want 200"},
		{"another content type", "master-get-with-agent/tasks", func(e *Exchange) { e.setHeader("Content-Type", "text/plain") }, "header Content-Type"},
		{"a missing key", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`"active":true,`, "") }, "body.slaves[0].active: is missing"},
		{"a further key", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`"active":true,`, `"active":true,"more":1,`) }, "body.slaves[0].more: is too much"},
		{"another type", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`"active":true,`, `"active":"true",`) }, "got a string, want a boolean"},
		{"another value", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`"cpus":4.0`, `"cpus":5.0`) }, "got 5.0, want 4.0"},
		{"an integer for a float", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`"cpus":4.0`, `"cpus":4`) }, "written as"},
		{"an id of something else", "master-get-with-agent/slaves", func(e *Exchange) { e.replace(`-S0"`, `-S7"`) }, "the id known as"},
		{"no body", "master-get-with-agent/slaves", func(e *Exchange) { e.Response.Body = nil }, "got 0 bytes"},
		{"a protobuf field less", "master-v1-pb-with-agent/GET_LOGGING_LEVEL", func(e *Exchange) { e.Response.Body = e.Response.Body[:2] }, "body.get_logging_level: is missing"},
	}
	all := packed(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			area, _, _ := strings.Cut(c.key, "/")
			found := differing(t, areasOf(all, area), func(e *Exchange) *Exchange {
				if e.Key() == c.key {
					before := fmt.Sprint(e.Response)
					c.alter(e)
					if fmt.Sprint(e.Response) == before {
						t.Errorf("the case alters nothing in %.200s", e.Response.Body)
					}
				}
				return e
			})
			if len(found) != 1 || !strings.Contains(fmt.Sprint(found[c.key]), c.want) {
				t.Errorf("got %v, want only %s: %s", found, c.key, c.want)
			}
		})
	}
}

func (e *Exchange) replace(old, new string) {
	e.Response.Body = bytes.Replace(e.Response.Body, []byte(old), []byte(new), 1)
}

func (e *Exchange) setHeader(name, value string) {
	for i, h := range e.Response.Headers {
		if h[0] == name {
			e.Response.Headers[i][1] = value
		}
	}
}

// A stream that lacks an update, or has one in another state, is not the same.
func TestFaultsInStreamsAreFound(t *testing.T) {
	all := areasOf(packed(t), "scheduler-executor")
	for name, alter := range map[string]func(Event) Event{
		"another state": func(e Event) Event {
			return Event{e.Since, bytes.Replace(e.Data, []byte("TASK_FAILED"), []byte("TASK_LOST"), 1)}
		},
		"another source": func(e Event) Event {
			return Event{e.Since, bytes.Replace(e.Data, []byte("SOURCE_AGENT"), []byte("SOURCE_MASTER"), 1)}
		},
		"no HEARTBEAT": func(e Event) Event {
			return Event{e.Since, bytes.Replace(e.Data, []byte(`"HEARTBEAT"`), []byte(`"HEARTBREAK"`), 1)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := differing(t, all, func(e *Exchange) *Exchange {
				var events []Event
				for _, event := range e.Response.Events {
					if event.Data != nil {
						event = alter(event)
					}
					events = append(events, event)
				}
				e.Response.Events = events
				return e
			})
			if len(found["scheduler-executor/ex.SUBSCRIBE"]) == 0 {
				t.Errorf("the altered stream counts as the same; differing: %v", found)
			}
		})
	}
}
