package api

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// pieces writes a large message part by part, as codec.Type.Append would write the whole. A message
// of every task or agent would be garbage by the hundred megabytes, for whose collection calls would
// pay; so one at a time is made, where there is one of its kind already in memory that is used again.
type pieces struct {
	t    codec.Type
	b    []byte
	err  error // the first; nothing is written any more
	task core.TaskMessage
	protoLists
}

// lengthRoom is what the length of a part takes at most: parts are below 32 GiB.
const lengthRoom = 5

// fields appends the fields of a message to the object that is open.
func (p *pieces) fields(m codec.Message) {
	if p.err != nil {
		return
	}
	if p.t == codec.Protobuf {
		p.b, p.err = p.t.Append(p.b, m)
		return
	}
	if text := m.AppendJSON(nil); len(text) > len("{}") {
		p.b = append(append(p.b, text[1:len(text)-1]...), ',')
	}
}

// object appends a field that is a message, whose fields fill appends.
func (p *pieces) object(number protowire.Number, name string, fill func()) {
	if p.err != nil {
		return
	}
	if p.t == codec.JSON {
		p.b = append(append(append(p.b, '"'), name...), `":{`...)
		fill()
		p.b = json.EndMap(p.b)
		return
	}
	p.b = protowire.AppendTag(p.b, number, protowire.BytesType)
	at := len(p.b)
	p.b = append(p.b, make([]byte, lengthRoom)...)
	fill()
	n := len(p.b) - at - lengthRoom
	length := len(protowire.AppendVarint(p.b[at:at], uint64(n)))
	copy(p.b[at+length:], p.b[at+lengthRoom:])
	p.b = p.b[:at+length+n]
}

// list appends a repeated field. Elements are encoded before the next one is asked for.
func (p *pieces) list(number protowire.Number, name string, all iter.Seq[codec.Message]) {
	if p.err != nil {
		return
	}
	if p.t == codec.JSON {
		p.b = append(append(append(p.b, '"'), name...), `":[`...)
		for m := range all {
			p.b = append(m.AppendJSON(p.b), ',')
		}
		p.b = json.EndList(p.b)
		return
	}
	for m := range all {
		p.b = protowire.AppendTag(p.b, number, protowire.BytesType)
		p.b = protowire.AppendVarint(p.b, uint64(m.SizeVT()))
		if p.b, p.err = p.t.Append(p.b, m); p.err != nil {
			return
		}
	}
}

// message appends a field that is a message.
func (p *pieces) message(number protowire.Number, name string, m codec.Message) {
	p.object(number, name, func() { p.fields(m) })
}

// end returns the whole.
func (p *pieces) end() ([]byte, error) {
	if p.t == codec.JSON {
		p.b = json.End(p.b)
	}
	return p.b, p.err
}

// begin starts a message.
func begin(t codec.Type, b []byte) *pieces {
	p := &pieces{t: t, b: b}
	if t == codec.JSON {
		p.b = append(p.b, '{')
	}
	return p
}

// protoLists remembers the messages of lists of resources, of which a fleet has few different ones.
type protoLists struct {
	known map[string][]*mesos.Resource
	kinds map[*resource.Kind]uint64
	key   []byte
}

// mostProtoLists bounds what is remembered; where there are more different ones it does not pay.
const mostProtoLists = 4096

// of returns the messages as endpoints show them, the same for equal lists.
func (l *protoLists) of(rs resource.Resources) []*mesos.Resource {
	if len(rs) == 0 {
		return nil
	}
	if l.known == nil {
		l.known, l.kinds = map[string][]*mesos.Resource{}, map[*resource.Kind]uint64{}
	}
	l.keyOf(rs)
	if list, ok := l.known[string(l.key)]; ok {
		return list
	}
	list := rs.ToProto(resource.Endpoint)
	if len(l.known) < mostProtoLists {
		l.known[string(l.key)] = list
	}
	return list
}

// keyOf makes the key of a list: what kinds it has of which values.
func (l *protoLists) keyOf(rs resource.Resources) {
	b := l.key[:0]
	for _, r := range rs {
		kind, ok := l.kinds[r.Kind]
		if !ok {
			kind = uint64(len(l.kinds))
			l.kinds[r.Kind] = kind
		}
		b = protowire.AppendVarint(b, kind)
		b = protowire.AppendVarint(b, uint64(r.ScalarMilli()))
		b = protowire.AppendVarint(b, uint64(r.Copies()))
		b = protowire.AppendVarint(b, uint64(len(r.Ranges())))
		for _, one := range r.Ranges() {
			b = protowire.AppendVarint(protowire.AppendVarint(b, one.Begin), one.End)
		}
		b = protowire.AppendVarint(b, uint64(len(r.Items())))
		for _, item := range r.Items() {
			b = protowire.AppendString(b, item)
		}
	}
	l.key = b
}
