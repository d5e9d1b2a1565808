package record

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/caprock/caprock/wire/mesos"
)

// Decoder decodes many records of one store. What many of them hold is decoded once
// and shared: lists of resources and of capabilities, ids, names and numbers. That is most of the
// work, and of the memory, of loading tasks. It belongs to one goroutine, and its tables
// grow with what differs, so it should not live longer than the loading.
type Decoder struct {
	resources    map[string][]*mesos.Resource
	capabilities map[string][]*mesos.AgentInfo_Capability
	frameworks   map[string]*mesos.FrameworkID
	agents       map[string]*mesos.AgentID
	names        map[string]*string // at most mostNames

	rest, info, list, other []byte // scratch: fields that are decoded one by one, and lists
}

// NewDecoder returns a Decoder that has seen nothing.
func NewDecoder() *Decoder {
	return &Decoder{
		resources: map[string][]*mesos.Resource{}, capabilities: map[string][]*mesos.AgentInfo_Capability{},
		frameworks: map[string]*mesos.FrameworkID{}, agents: map[string]*mesos.AgentID{}, names: map[string]*string{},
	}
}

// Decode is the function of this name, but for what values share, and that the key is taken apart.
func (d *Decoder) Decode(key, value []byte) (ID, Value, error) { return decode(key, value, d) }

// value decodes kinds whose values share much. It returns false for others, and for what
// is unusual or wrong, which the general way decides.
func (d *Decoder) value(k Kind, b []byte) (v Value, ok bool) {
	var err error
	switch k {
	case KindTask, KindCompletedTask:
		v, err = d.task(b)
	case KindAgent:
		v, err = d.agent(b)
	default:
		return nil, false
	}
	return v, err == nil
}

// Numbers of the fields that are taken apart.
const (
	taskTask = 1 // of Task

	agentInfo, agentCapabilities, agentTotal = 1, 4, 5 // of Agent

	infoResources = 3 // of mesos.v1.AgentInfo

	mesosTaskFramework, mesosTaskAgent, mesosTaskResources, mesosTaskStatuses = 3, 5, 7, 8 // of mesos.v1.Task

	statusTask, statusAgent = 1, 5 // of mesos.v1.TaskStatus
)

// What the decoder of a message finds in place of a field that is taken apart: it insists
// on those that are required. The ids in them are empty, and replaced.
var (
	someFramework = []byte{mesosTaskFramework<<3 | byte(protowire.BytesType), 2, 1<<3 | byte(protowire.BytesType), 0}
	someAgent     = []byte{mesosTaskAgent<<3 | byte(protowire.BytesType), 2, 1<<3 | byte(protowire.BytesType), 0}
	someTask      = []byte{statusTask<<3 | byte(protowire.BytesType), 2, 1<<3 | byte(protowire.BytesType), 0}
)

// errUnusual says that a message is not as this program writes it: it has a part twice.
var errUnusual = errors.New("a part is there twice")

// eachField calls fn for every field of an encoded message: its number, its bytes with
// the tag, and its value if that is a message, a string or bytes.
func eachField(b []byte, fn func(number protowire.Number, raw, value []byte) error) error {
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		n := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b[tag:])
		}
		if err := fn(number, b[:tag+n], value); err != nil {
			return err
		}
		b = b[tag+n:]
	}
	return nil
}

func (d *Decoder) task(b []byte) (*Task, error) {
	v := &Task{}
	d.rest = d.rest[:0]
	err := eachField(b, func(number protowire.Number, raw, value []byte) (err error) {
		switch {
		case number != taskTask || value == nil:
			d.rest = append(d.rest, raw...)
		case v.Task != nil:
			return errUnusual
		default:
			v.Task, err = d.mesosTask(value)
		}
		return err
	})
	if err == nil {
		err = v.UnmarshalVT(d.rest)
	}
	if err == nil && v.Task != nil {
		d.share(v.Task)
	}
	return v, err
}

func (d *Decoder) mesosTask(b []byte) (*mesos.Task, error) {
	t := &mesos.Task{}
	var framework *mesos.FrameworkID
	var agent *mesos.AgentID
	d.info, d.list = d.info[:0], d.list[:0]
	statuses := 0
	err := eachField(b, func(number protowire.Number, raw, value []byte) (err error) {
		switch {
		case number == mesosTaskFramework && value != nil:
			framework, err = once(d.frameworks, framework, value)
			d.info = append(d.info, someFramework...)
		case number == mesosTaskAgent && value != nil:
			agent, err = once(d.agents, agent, value)
			d.info = append(d.info, someAgent...)
		case number == mesosTaskResources:
			d.list = append(d.list, raw...)
		case number == mesosTaskStatuses && value != nil:
			statuses++
		default:
			d.info = append(d.info, raw...)
		}
		return err
	})
	if err == nil {
		err = t.UnmarshalVT(d.info)
	}
	if err == nil {
		t.Resources, err = sharedList(d.resources, d.list)
	}
	t.FrameworkId, t.AgentId = framework, agent
	if err != nil || statuses == 0 {
		return t, err
	}
	t.Statuses = make([]*mesos.TaskStatus, 0, statuses)
	return t, eachField(b, func(number protowire.Number, _, value []byte) error {
		if number != mesosTaskStatuses || value == nil {
			return nil
		}
		s, err := d.status(value, t)
		t.Statuses = append(t.Statuses, s)
		return err
	})
}

// status decodes a status of a task, whose id it shares.
func (d *Decoder) status(b []byte, t *mesos.Task) (*mesos.TaskStatus, error) {
	s := &mesos.TaskStatus{}
	var task *mesos.TaskID
	var agent *mesos.AgentID
	d.other = d.other[:0]
	err := eachField(b, func(number protowire.Number, raw, value []byte) (err error) {
		switch {
		case number == statusTask && isID(value, t.GetTaskId().GetValue()) && task == nil:
			task = t.TaskId
			d.other = append(d.other, someTask...)
		case number == statusTask:
			return errUnusual
		case number == statusAgent && value != nil:
			agent, err = once(d.agents, agent, value)
		default:
			d.other = append(d.other, raw...)
		}
		return err
	})
	if err == nil {
		err = s.UnmarshalVT(d.other)
	}
	s.TaskId, s.AgentId = task, agent
	return s, err
}

// isID reports whether b is an encoded id with this value and nothing else.
func isID(b []byte, value string) bool {
	const tag = 1<<3 | byte(protowire.BytesType)
	return len(value) < 0x80 && len(b) == len(value)+2 && b[0] == tag && int(b[1]) == len(value) && string(b[2:]) == value
}

func (d *Decoder) agent(b []byte) (*Agent, error) {
	v := &Agent{}
	d.rest, d.list, d.other = d.rest[:0], d.list[:0], d.other[:0]
	err := eachField(b, func(number protowire.Number, raw, value []byte) (err error) {
		switch {
		case number == agentInfo && v.Info != nil:
			return errUnusual
		case number == agentInfo && value != nil:
			v.Info, err = d.agentInfo(value)
		case number == agentCapabilities:
			d.other = append(d.other, raw...)
		case number == agentTotal:
			d.list = append(d.list, raw...)
		default:
			d.rest = append(d.rest, raw...)
		}
		return err
	})
	if err == nil {
		err = v.UnmarshalVT(d.rest)
	}
	if err == nil {
		v.Total, err = sharedList(d.resources, d.list)
	}
	if err == nil {
		v.Capabilities, err = sharedList(d.capabilities, d.other)
	}
	return v, err
}

func (d *Decoder) agentInfo(b []byte) (*mesos.AgentInfo, error) {
	info := &mesos.AgentInfo{}
	rest, list := []byte(nil), []byte(nil)
	err := eachField(b, func(number protowire.Number, raw, _ []byte) error {
		if number == infoResources {
			list = append(list, raw...)
		} else {
			rest = append(rest, raw...)
		}
		return nil
	})
	if err == nil {
		err = info.UnmarshalVT(rest)
	}
	if err == nil {
		info.Resources, err = sharedList(d.resources, list)
	}
	return info, err
}

// message is a pointer to a generated message.
type message[T any] interface {
	*T
	UnmarshalVT([]byte) error
}

// once is shared for a field that may be there once.
func once[T any, M message[T]](seen map[string]M, already M, b []byte) (M, error) {
	if already != nil {
		return nil, errUnusual
	}
	return shared(seen, b)
}

// shared is the message that b encodes, the same for the same bytes.
func shared[T any, M message[T]](seen map[string]M, b []byte) (M, error) {
	if m, ok := seen[string(b)]; ok {
		return m, nil
	}
	m := M(new(T))
	if err := m.UnmarshalVT(b); err != nil {
		return nil, err
	}
	seen[string(b)] = m
	return m, nil
}

// sharedList is the list whose encoded fields follow each other in b, the same for the
// same bytes.
func sharedList[T any, M message[T]](seen map[string][]M, b []byte) ([]M, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if list, ok := seen[string(b)]; ok {
		return list, nil
	}
	var list []M
	err := eachField(b, func(number protowire.Number, _, value []byte) error {
		if value == nil {
			return fmt.Errorf("field %d is not a message", number)
		}
		m := M(new(T))
		list = append(list, m)
		return m.UnmarshalVT(value)
	})
	if err == nil {
		seen[string(b)] = list
	}
	return list, err
}
