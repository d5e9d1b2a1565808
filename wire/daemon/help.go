package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// Endpoints is what both services serve here, with a line on what it is for; the
// others register their own beside them.
var Endpoints = map[string]string{
	"/logging/toggle":    "the logging level: ?level=&duration=",
	"/system/stats.json": "load and memory of the machine",
	"/help":              "this list",
	"/__processes__":     "actors, for tools that look for them",
	"/profiler/start":    "refused: there is no such profiler",
	"/profiler/stop":     "refused: there is no such profiler",
}

// Register serves them. own lists further endpoints for /help; actor is the name
// that may stand before a path; actors are what /__processes__ names.
func Register(h *httpd.Server, v *Verbosity, actor string, own map[string]string, actors ...string) {
	h.Handle("/logging/toggle", v.Toggle)
	h.Handle("/system/stats.json", SystemStats)
	h.Handle("/help", help(actor, own))
	h.Handle("/__processes__", processes(actors))
	h.Handle("/profiler/start", profiler)
	h.Handle("/profiler/stop", profiler)
}

// help is /help and /help/<path>.
func help(actor string, own map[string]string) httpd.Handler {
	all := map[string]string{}
	for _, some := range []map[string]string{Endpoints, own} {
		for path, text := range some {
			all[path] = text
		}
	}
	paths := json.SortedKeys(all, nil)
	return func(c *httpd.Ctx) {
		rest := strings.TrimPrefix(string(c.Rest()), actor)
		if rest = "/" + strings.Trim(rest, "/"); rest != "/" {
			text, ok := all[rest]
			if !ok {
				c.ReplyText(404, "got path "+clip([]byte(rest))+", want one that /help lists\n")
				return
			}
			c.ReplyText(200, rest+": "+text+"\n")
			return
		}
		var b strings.Builder
		for _, path := range paths {
			fmt.Fprintf(&b, "%-36s %s\n", path, all[path])
		}
		c.ReplyText(200, b.String())
	}
}

// processes is /__processes__, which in Mesos lists its actors and what they are
// sent. Here nothing is queued per actor; those that have endpoints are named.
func processes(actors []string) httpd.Handler {
	b := []byte{'['}
	for _, id := range slices.Concat(actors, []string{"files", "metrics", "help", "logging", "system"}) {
		b = append(append(json.AppendString(append(b, `{"events":[],"id":`...), id), '}'), ',')
	}
	b[len(b)-1] = ']'
	return func(c *httpd.Ctx) { c.ReplyJSON(200, b) }
}

// profiler answers as a Mesos does that was built without its profiler.
func profiler(c *httpd.Ctx) {
	c.ReplyText(400, "Perftools is disabled. To enable perftools, configure libprocess with --enable-perftools.\n")
}
