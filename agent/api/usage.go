package api

import (
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/record"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
)

// box is a container as the readers of its use see it.
type box struct {
	framework, executor, name, source string
	id, parent                        string
	pid                               int
	limits                            core.Limits
	// parts are the nested containers that make up an executor which has no
	// process of its own.
	parts []string
}

// boxes lists the containers of live executors, and those nested in them.
func boxes(v *core.View, nested bool) []box {
	var out []box
	for i := range v.Frameworks {
		f := &v.Frameworks[i]
		for j := range f.Executors {
			e := &f.Executors[j]
			if e.State == record.Container_TERMINATED {
				continue
			}
			out = append(out, boxesOf(f, e, nested)...)
		}
	}
	return out
}

func boxesOf(f *core.FrameworkView, e *core.ExecutorView, nested bool) []box {
	//lint:ignore SA1019 tools read source
	source := e.Info.GetSource()
	b := box{
		framework: f.Info.GetId().GetValue(), executor: e.Info.ExecutorId.GetValue(),
		name: e.Info.GetName(), source: source,
		id: e.ContainerID, pid: e.Pid, limits: e.Limits,
	}
	var below []box
	for _, n := range e.Nested {
		b.parts = append(b.parts, e.ContainerID+"."+n.ContainerID)
		if nested {
			below = append(below, box{id: n.ContainerID, parent: e.ContainerID, pid: n.Pid, limits: n.Limits})
		}
	}
	if e.Kind != record.Container_DEFAULT {
		b.parts = []string{e.ContainerID}
	}
	return append([]box{b}, below...)
}

// kernelID is the id that the kernel's side knows a container by.
func (b *box) kernelID() string {
	if b.parent != "" {
		return b.parent + "." + b.id
	}
	return b.id
}

// usage of a container, summed up over its parts. source is "bpf" only if all CPU
// times come from there.
func (a *server) usage(b *box) (st *mesos.ResourceStatistics, source string) {
	ids := b.parts
	if b.parent != "" {
		ids = []string{b.kernelID()}
	}
	st = &mesos.ResourceStatistics{Timestamp: new(seconds(a.Clock.Now()))}
	var sum isolation.Usage
	known := false
	source = isolation.SourceBPF
	for _, id := range ids {
		u, err := a.Usage(id)
		if err != nil {
			continue
		}
		known = true
		if u.Source != isolation.SourceBPF {
			source = u.Source
		}
		addUsage(&sum, u)
	}
	if !known {
		return st, ""
	}
	fillStatistics(st, &sum, b.limits)
	return st, source
}

func addUsage(sum *isolation.Usage, u isolation.Usage) {
	// Time by BPF is the total; the split into user and system is the files'.
	if files := u.User + u.System; files > 0 && u.CPU > 0 {
		user := float64(u.User) / float64(files) * float64(u.CPU)
		sum.User += durationOf(user)
		sum.System += u.CPU - durationOf(user)
	} else {
		sum.User += u.CPU
	}
	sum.CPU += u.CPU
	sum.Periods += u.Periods
	sum.ThrottledPeriods += u.ThrottledPeriods
	sum.Throttled += u.Throttled
	sum.MemBytes += u.MemBytes
	sum.RSSBytes += u.RSSBytes
	sum.CacheBytes += u.CacheBytes
	sum.MappedBytes += u.MappedBytes
	sum.SwapBytes += u.SwapBytes
	sum.UnevictBytes += u.UnevictBytes
	sum.Pids += u.Pids
}

func fillStatistics(st *mesos.ResourceStatistics, u *isolation.Usage, l core.Limits) {
	st.CpusUserTimeSecs, st.CpusSystemTimeSecs = new(u.User.Seconds()), new(u.System.Seconds())
	st.CpusSoftLimit = new(float64(l.CPUMilli) / 1000)
	if l.QuotaMilli > 0 {
		st.CpusLimit = new(float64(l.QuotaMilli) / 1000)
		st.CpusNrPeriods, st.CpusNrThrottled = new(uint32(u.Periods)), new(uint32(u.ThrottledPeriods))
		st.CpusThrottledTimeSecs = new(u.Throttled.Seconds())
	}
	if l.MemBytes > 0 {
		st.MemLimitBytes = new(uint64(l.MemBytes))
	}
	st.MemSoftLimitBytes = new(uint64(l.MemSoftBytes))
	st.MemTotalBytes, st.MemRssBytes, st.MemCacheBytes = &u.MemBytes, &u.RSSBytes, &u.CacheBytes
	st.MemAnonBytes, st.MemFileBytes, st.MemMappedFileBytes = &u.RSSBytes, &u.CacheBytes, &u.MappedBytes
	st.MemSwapBytes, st.MemUnevictableBytes = &u.SwapBytes, &u.UnevictBytes
	st.Processes = new(uint32(u.Pids))
}

// containers answers /containers?container_id= or ?framework_id=[&executor_id=].
func (a *server) containers(c *httpd.Ctx) {
	want := func(name string) string { return string(c.Query(name)) }
	id, fw, ex := want("container_id"), want("framework_id"), want("executor_id")
	if (id != "" && (fw != "" || ex != "")) || (ex != "" && fw == "") {
		c.ReplyText(400, "Expecting 'container_id', or 'framework_id', or 'framework_id' and 'executor_id' in query")
		return
	}
	a.replyBoxes(c, true, func(b *box) bool {
		return (id == "" || b.id == id) && (fw == "" || b.framework == fw) && (ex == "" || b.executor == ex)
	})
}

func (a *server) statistics(c *httpd.Ctx) {
	a.replyBoxes(c, false, func(*box) bool { return true })
}

func (a *server) replyBoxes(c *httpd.Ctx, status bool, keep func(*box) bool) {
	var list []box
	if !a.view(c, func(_ *core.Core, v *core.View) { list = boxes(v, false) }) {
		return
	}
	out := []byte{'['}
	for i := range list {
		if keep(&list[i]) {
			out = append(a.appendBox(out, &list[i], status), ',')
		}
	}
	if len(out) > 1 {
		out = out[:len(out)-1]
	}
	c.ReplyJSON(200, append(out, ']'))
}

func (a *server) appendBox(b []byte, x *box, status bool) []byte {
	b = append(b, '{')
	if status {
		b = text(b, "container_id", x.id)
	}
	b = text(b, "executor_id", x.executor)
	b = text(b, "executor_name", x.name)
	b = text(b, "framework_id", x.framework)
	b = text(b, "source", x.source)
	st, source := a.usage(x)
	b = append(json.Key(b, "statistics"), '{')
	if source != "" {
		// Where the CPU times come from: ours, beside Mesos' fields.
		b = text(b, "cpus_time_source", source)
	}
	members := st.AppendJSON(nil)
	b = append(append(b, members[1:]...), ',')
	if status {
		b = append(x.status().AppendJSON(json.Key(b, "status")), ',')
	}
	return json.End(b)
}

func (b *box) status() *mesos.ContainerStatus {
	cs := &mesos.ContainerStatus{ContainerId: b.containerID()}
	if b.pid > 0 {
		cs.ExecutorPid = new(uint32(b.pid))
	}
	return cs
}

func (b *box) containerID() *mesos.ContainerID {
	id := &mesos.ContainerID{Value: &b.id}
	if b.parent != "" {
		id.Parent = &mesos.ContainerID{Value: &b.parent}
	}
	return id
}

func durationOf(ns float64) time.Duration { return time.Duration(ns) }
