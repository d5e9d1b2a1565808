package api

import (
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/record"
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
	// annex is the whole id of one that the operator API launched.
	annex core.ContainerID
	// parts are the nested containers that make up an executor which has no
	// process of its own; shared are those whose use its own container counts.
	parts, shared []string
	// kernel is the id that the kernel's side knows a nested container by.
	kernel string
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
		if n.Shared {
			b.shared = append(b.shared, n.KernelID)
		} else {
			b.parts = append(b.parts, n.KernelID)
		}
		if nested {
			below = append(below, box{id: n.ContainerID, parent: e.ContainerID, kernel: n.KernelID, pid: n.Pid, limits: n.Limits})
		}
	}
	b.parts = append([]string{e.ContainerID}, b.parts...)
	return append([]box{b}, below...)
}

// kernelID is the id that the kernel's side knows a container by.
func (b *box) kernelID() string {
	if b.kernel != "" {
		return b.kernel
	}
	return b.id
}

// containers answers /containers?container_id= or ?framework_id=[&executor_id=].
func (a *server) containers(c *httpd.Ctx) {
	id, fw, ex := c.Query("container_id"), c.Query("framework_id"), c.Query("executor_id")
	if (id != nil && (fw != nil || ex != nil)) || (ex != nil && fw == nil) {
		c.ReplyText(400, "Expecting 'container_id', or 'framework_id', or 'framework_id' and 'executor_id' in query")
		return
	}
	a.replyBoxes(c, true, func(b *box) bool {
		return (id == nil || b.id == string(id)) && (fw == nil || b.framework == string(fw)) && (ex == nil || b.executor == string(ex))
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
	m := a.measure(x)
	b = append(json.Key(b, "statistics"), '{')
	b = m.appendOurs(b)
	members := m.statistics().AppendJSON(nil)
	b = append(append(b, members[1:]...), ',')
	if status {
		b = append(a.status(x).AppendJSON(json.Key(b, "status")), ',')
	}
	return json.End(b)
}

func (a *server) status(b *box) *mesos.ContainerStatus {
	cs := &mesos.ContainerStatus{ContainerId: b.containerID()}
	if class := a.NetClass(b.kernelID()); class != 0 {
		cs.CgroupInfo = &mesos.CgroupInfo{NetCls: &mesos.CgroupInfo_NetCls{Classid: &class}}
	}
	if b.pid > 0 {
		cs.ExecutorPid = new(uint32(b.pid))
	}
	return cs
}

func (b *box) containerID() *mesos.ContainerID {
	if b.annex != nil {
		return b.annex.Proto()
	}
	id := &mesos.ContainerID{Value: &b.id}
	if b.parent != "" {
		id.Parent = &mesos.ContainerID{Value: &b.parent}
	}
	return id
}
