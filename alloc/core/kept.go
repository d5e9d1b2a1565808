package core

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// A framework may keep values here, so that it needs no store of its own to find
// its way after a restart. They are durable before the call is answered, live as
// long as the framework, and are changed by the current scheduler alone: the one
// that holds the stream. A scheduler that was replaced is refused like in any
// other call, so two of them cannot overwrite each other unnoticed.

// Bounds of what frameworks keep.
const (
	DefaultMaxKeptBytes      = 1 << 20  // of one framework, keys and values
	DefaultMaxKeptValueBytes = 64 << 10 // of one value
	MaxKeptKeyBytes          = 256
	MaxKeptKeys              = 1024 // of one framework
)

// Kept is what a framework keeps here.
type Kept struct {
	Values []*record.KeptValue // sorted by key
	Bytes  int                 // of all keys and values
}

func (*Kept) entity() {}

// Value is the value of a key, nil if there is none.
func (k *Kept) Value(key string) *record.KeptValue {
	if k == nil {
		return nil
	}
	if at, found := k.find(key); found {
		return k.Values[at]
	}
	return nil
}

func (k *Kept) find(key string) (int, bool) {
	return slices.BinarySearchFunc(k.Values, key, func(v *record.KeptValue, key string) int {
		return strings.Compare(v.GetKey(), key)
	})
}

// Keep puts or deletes a value. It is answered by a Reply that refuses it, or by
// an Answered whose Value is the *record.KeptValue, nil after a deletion.
type Keep struct {
	Principal, StreamID, Framework string

	Key    string
	Value  []byte
	Delete bool

	// IfVersion demands that the value has this version, IfPresent that there is
	// one, IfAbsent that there is none; otherwise the call fails with 412.
	IfVersion           *uint64
	IfPresent, IfAbsent bool

	Reply Token
}

func (*Keep) command() {}

// Answered answers a call with more than a text.
type Answered struct {
	Token  Token
	Status int
	Value  any
}

func (*Answered) effect() {}

// ValidateKeptKey is the fault of a key, nil if it has none.
func ValidateKeptKey(key string) *CallError {
	switch {
	case key == "":
		return &CallError{Status: 400, Text: "got no key, want one after the path"}
	case len(key) > MaxKeptKeyBytes:
		return &CallError{Status: 400, Text: fmt.Sprintf("got a key of %d bytes, want at most %d", len(key), MaxKeptKeyBytes)}
	case !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return &CallError{Status: 400, Text: fmt.Sprintf("got key %q, want UTF-8 without control characters", key)}
	}
	return nil
}

func (c *Core) keep(cmd *Keep) {
	f, status, text := c.caller(&SchedulerCall{
		Principal: cmd.Principal, StreamID: cmd.StreamID,
		Call: &scheduler.Call{FrameworkId: &mesos.FrameworkID{Value: &cmd.Framework}},
	})
	if status != 0 {
		c.reply(cmd.Reply, status, text)
		return
	}
	old := c.kept[f.id()].Value(cmd.Key)
	if fault := cmd.check(old, c.kept[f.id()], &c.opts); fault != nil {
		c.reply(cmd.Reply, fault.Status, fault.Text)
		return
	}
	if cmd.Delete {
		c.dropKept(f.id(), cmd.Key)
		c.publishKept(f.id())
		c.out.effect(&Answered{Token: cmd.Reply, Status: 204})
		return
	}
	v := &record.KeptValue{
		FrameworkId: ptr(f.id()), Key: &cmd.Key, Value: cmd.Value,
		Version: ptr(c.nextSerial() + 1), ChangedNanos: ptr(c.now.Wall),
	}
	c.applyKept(v)
	c.emit(record.KeptValueKey(f.id(), cmd.Key), v)
	c.publishKept(f.id())
	status = 200
	if old == nil {
		status = 201
	}
	c.out.effect(&Answered{Token: cmd.Reply, Status: status, Value: v})
}

// check says why the call is refused, given the value that is there.
func (cmd *Keep) check(old *record.KeptValue, all *Kept, o *Options) *CallError {
	switch {
	case cmd.IfVersion != nil && (old == nil || old.GetVersion() != *cmd.IfVersion),
		cmd.IfPresent && old == nil, cmd.IfAbsent && old != nil:
		return &CallError{Status: 412, Text: fmt.Sprintf("key %q has %s", cmd.Key, versionText(old))}
	case cmd.Delete && old == nil:
		return &CallError{Status: 404, Text: fmt.Sprintf("key %q has no value", cmd.Key)}
	case cmd.Delete:
		return nil
	case len(cmd.Value) > o.MaxKeptValueBytes:
		return &CallError{Status: 413, Text: fmt.Sprintf("got a value of %d bytes, want at most %d", len(cmd.Value), o.MaxKeptValueBytes)}
	}
	bytes, keys := len(cmd.Key)+len(cmd.Value), 1
	if all != nil {
		bytes, keys = bytes+all.Bytes-keptBytes(old), len(all.Values)+1
	}
	switch {
	case bytes > o.MaxKeptBytes:
		return &CallError{Status: 507, Text: fmt.Sprintf("the framework would keep %d bytes, want at most %d", bytes, o.MaxKeptBytes)}
	case old == nil && keys > MaxKeptKeys:
		return &CallError{Status: 507, Text: fmt.Sprintf("the framework would keep %d keys, want at most %d", keys, MaxKeptKeys)}
	}
	return nil
}

func versionText(v *record.KeptValue) string {
	if v == nil {
		return "no value"
	}
	return fmt.Sprintf("version %d", v.GetVersion())
}

func keptBytes(v *record.KeptValue) int { return len(v.GetKey()) + len(v.GetValue()) }

// applyKept gives the state a value. Readers hold the old list, so it is copied.
func (s *state) applyKept(v *record.KeptValue) *Kept {
	next := &Kept{}
	if old := s.kept[v.GetFrameworkId()]; old != nil {
		next.Values, next.Bytes = old.Values, old.Bytes
	}
	next.Bytes += keptBytes(v)
	at, found := next.find(v.GetKey())
	if found {
		next.Bytes -= keptBytes(next.Values[at])
		next.Values = slices.Clone(next.Values)
		next.Values[at] = v
	} else {
		next.Values = slices.Insert(next.Values[:len(next.Values):len(next.Values)], at, v)
	}
	s.kept[v.GetFrameworkId()] = next
	return next
}

func (s *state) forgetKept(framework, key string) {
	old := s.kept[framework]
	if old == nil {
		return
	}
	at, found := old.find(key)
	switch {
	case !found:
	case len(old.Values) == 1:
		delete(s.kept, framework)
	default:
		s.kept[framework] = &Kept{
			Values: slices.Delete(slices.Clone(old.Values), at, at+1),
			Bytes:  old.Bytes - keptBytes(old.Values[at]),
		}
	}
}

func (c *Core) dropKept(framework, key string) {
	c.forgetKept(framework, key)
	c.emit(record.KeptValueKey(framework, key), nil)
}

// dropAllKept ends what a framework keeps with the framework.
func (c *Core) dropAllKept(framework string) {
	k := c.kept[framework]
	if k == nil {
		return
	}
	for _, v := range k.Values {
		c.dropKept(framework, v.GetKey())
	}
	c.publishKept(framework)
}

func (c *Core) publishKept(framework string) {
	id := record.ID{Kind: record.KindKeptValue, Parts: [3]string{framework}}
	if k := c.kept[framework]; k != nil {
		c.publish(id, k)
	} else {
		c.publish(id, nil)
	}
}
