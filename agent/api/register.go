package api

import (
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/disk"
	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/build"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/daemon"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// Options say what the API shows and where it reads.
type Options struct {
	// Read runs a function with the core between two turns of the agent's loop.
	Read func(func(*core.Core)) error
	Tree *sandbox.Tree
	// Recovering is true while executors may still come back after a restart.
	Recovering func() bool
	// Containers takes the calls about containers.
	Containers *Containers
	// Usage reads what a container uses.
	Usage func(containerID string) (isolation.Usage, error)
	// NetClass of the packets of a container; 0 for none.
	NetClass func(containerID string) uint32
	// Disk is what was measured of a container that belongs to no other.
	Disk func(containerID string) (disk.Usage, bool)
	// Source says where CPU times come from: "bpf", "cgroup" or "".
	Source string
	// BlockSource says where block transfers come from, likewise.
	BlockSource string
	// Fetched counts what the fetcher did.
	Fetched func() fetch.Metrics
	// Internals gives the metrics of other parts by name.
	Internals func(add func(name string, value float64))
	// Flags by name, as /flags shows them.
	Flags map[string]string
	IP    string
	Port  int
	// LogFile is served as /slave/log; may be empty.
	LogFile string
	// Verbosity is what SET_LOGGING_LEVEL changes.
	Verbosity *daemon.Verbosity
	// Release of this program, shown beside Mesos' version.
	Release string
	WorkDir string
	// RecoveryTime is how long recovery took.
	RecoveryTime time.Duration
	StartedAt    time.Time
	Clock        clock.Clock
}

type server struct {
	Options
	followers atomic.Int32 // files that are being followed
}

// endpoints say in a line what each path is for; /help shows them.
var endpoints = map[string]string{
	"/api/v1":              "the operator API: POST a call",
	"/api/v1/executor":     "the executor API: POST a call",
	"/state":               "everything, in Mesos' old JSON",
	"/flags":               "settings",
	"/health":              "200 while the agent runs",
	"/version":             "the version",
	"/containers":          "containers of executors: ?container_id=, or ?framework_id=&executor_id=",
	"/containerizer/debug": "what containers wait for",
	"/monitor/statistics":  "what containers use",
	"/metrics/snapshot":    "metrics",
	"/files/browse":        "lists files: ?path=",
	"/files/read":          "reads from a file: ?path=&offset=&length=",
	"/files/download":      "sends a file: ?path=",
	"/files/debug":         "paths that are served",
	"/tasks/file":          "a file of a task: ?framework_id=&task_id=&path=[&offset=][&follow=true]",
	"/tasks/limits":        "changes the bounds of a running task: POST them to ?framework_id=&task_id=",
	"/tasks/files":         "the files of a task: ?framework_id=&task_id=[&path=]",
}

// Register adds the endpoints to s.
func Register(s *httpd.Server, o Options) {
	a := &server{Options: o}
	s.Handle("/health", func(c *httpd.Ctx) { c.ReplyEmpty(200) })
	s.Handle("/version", func(c *httpd.Ctx) { c.ReplyJSON(200, build.Info(a.Release).AppendJSON(nil)) })
	s.Handle("/flags", func(c *httpd.Ctx) { c.ReplyJSON(200, json.End(a.appendFlags([]byte{'{'}))) })
	s.Handle("/state", a.recovered(a.state))
	s.Handle("/containers", a.containers)
	s.Handle("/monitor/statistics", a.statistics)
	s.Handle("/containerizer/debug", a.debug)
	s.Handle("/metrics/snapshot", a.snapshot)
	s.Handle("/files/browse", a.browse)
	s.Handle("/files/read", a.readFile)
	s.Handle("/files/download", a.download)
	s.Handle("/files/debug", a.filesDebug)
	s.Handle("/tasks/files", a.taskFiles)
	s.Handle("/tasks/file", a.taskFile)
	s.Handle("/tasks/limits", a.recovered(a.taskLimits))
	s.Handle("/api/v1", a.recovered(a.operator))
	daemon.Register(s, a.Verbosity, "slave(1)", endpoints, "slave(1)")
}

// recovered is h once the agent has recovered. Before, what it would show is not
// settled: tasks may turn out to be lost.
func (a *server) recovered(h func(*httpd.Ctx)) func(*httpd.Ctx) {
	return func(c *httpd.Ctx) {
		if a.Recovering() {
			c.ReplyText(503, "Agent has not finished recovery")
			return
		}
		h(c)
	}
}

// appendFlags appends the member "flags".
func (a *server) appendFlags(b []byte) []byte {
	b = append(json.Key(b, "flags"), '{')
	for _, name := range json.SortedKeys(a.Flags, nil) {
		b = text(b, name, a.Flags[name])
	}
	return json.EndMap(b)
}

// view runs fn with the state; false if the agent is stopping, which is answered.
func (a *server) view(c *httpd.Ctx, fn func(*core.Core, *core.View)) bool {
	if err := a.Read(func(co *core.Core) { fn(co, co.View()) }); err != nil {
		c.ReplyText(503, "Agent is stopping")
		return false
	}
	return true
}
