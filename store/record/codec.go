package record

import (
	"errors"
	"fmt"
)

// Value is one of the messages of record.proto.
type Value interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
}

// Record is an entity's durable state under its key; a nil Value says that the
// entity is gone. Values are immutable once they are in a Record: the journal
// encodes them on another goroutine.
type Record struct {
	Key   []byte
	Value Value
}

// Kind is the kind of entity the record speaks of.
func (r Record) Kind() Kind {
	if len(r.Key) == 0 {
		return 0
	}
	return Kind(r.Key[0])
}

// ID takes the key apart; it panics if the key is not one of this package's.
func (r Record) ID() ID {
	id, err := ParseKey(r.Key)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return id
}

// Put is the record that gives an entity a state.
func Put(key []byte, v Value) Record { return Record{Key: key, Value: v} }

// Delete is the record that says that an entity is gone.
func Delete(key []byte) Record { return Record{Key: key} }

// format is the first byte of every value. Additions to the messages do not
// change it; a change that older programs would misread does.
const format = 1

// ErrFormat says that a value was written by a program of another format.
var ErrFormat = errors.New("record format")

// AppendValue appends the encoded value to b. The record must not be a deletion.
func AppendValue(b []byte, v Value) ([]byte, error) {
	b = append(b, format)
	n, at := v.SizeVT(), len(b)
	if cap(b)-at < n {
		grown := make([]byte, at, (at+n)+(at+n)/4)
		copy(grown, b)
		b = grown
	}
	b = b[:at+n]
	if _, err := v.MarshalToSizedBufferVT(b[at:]); err != nil {
		return b[:at-1], fmt.Errorf("encode %T: %w", v, err)
	}
	return b, nil
}

// Encode gives the key and the encoded value, nil for a deletion.
func Encode(r Record) (key, value []byte, err error) {
	if r.Value == nil {
		return r.Key, nil, nil
	}
	value, err = AppendValue(nil, r.Value)
	return r.Key, value, err
}

// Decode is the inverse of Encode; a nil value gives a deletion. It never
// panics, and does not keep the slices it is given.
func Decode(key, value []byte) (Record, error) {
	_, v, err := decode(key, value, nil)
	if err != nil {
		return Record{}, err
	}
	return Record{Key: append([]byte(nil), key...), Value: v}, nil
}

// decode gives the id that the key stands for and the value, nil for a deletion.
func decode(key, value []byte, d *Decoder) (ID, Value, error) {
	id, err := ParseKey(key)
	if err != nil || value == nil {
		return id, nil, err
	}
	if len(value) == 0 || value[0] != format {
		return id, nil, fmt.Errorf("%v: got first byte % x, want %d: %w", id, value[:min(1, len(value))], format, ErrFormat)
	}
	v, err := decodeValue(id.Kind, value[1:], d)
	if err != nil {
		return id, nil, fmt.Errorf("decode %v: %w", id, err)
	}
	if err := check(id, v); err != nil {
		return id, nil, fmt.Errorf("decode %v: %w", id, err)
	}
	return id, v, nil
}

func decodeValue(k Kind, b []byte, d *Decoder) (Value, error) {
	if d != nil {
		if v, ok := d.value(k, b); ok {
			return v, nil
		}
	}
	v := k.newValue()
	return v, v.UnmarshalVT(b)
}

func (k Kind) newValue() Value {
	switch k {
	case KindMeta:
		return new(Meta)
	case KindMaintenance:
		return new(Maintenance)
	case KindRole:
		return new(Role)
	case KindFramework:
		return new(Framework)
	case KindKeptValue:
		return new(KeptValue)
	case KindAgent:
		return new(Agent)
	case KindExecutor:
		return new(Executor)
	case KindTask, KindCompletedTask:
		return new(Task)
	case KindOperation:
		return new(Operation)
	case KindOffer:
		return new(Offer)
	case KindOfferBatch:
		return new(OfferBatch)
	case KindOutboxHead:
		return new(OutboxHead)
	case KindOutbox:
		return new(Outbox)
	}
	panic("BUG: no message for " + k.String())
}

// check holds what every reader relies on: a value names the entity its key does.
func check(id ID, v Value) error {
	var got string
	switch v := v.(type) {
	case *Role:
		got = v.GetName()
	case *Framework:
		got = v.GetInfo().GetId().GetValue()
	case *KeptValue:
		got = v.GetFrameworkId()
		if v.GetKey() != id.Parts[1] {
			return fmt.Errorf("value has key %q", v.GetKey())
		}
	case *Agent:
		got = v.GetInfo().GetId().GetValue()
	case *Executor:
		got = v.GetAgentId()
		if v.GetFrameworkId() != id.Parts[1] || v.GetInfo().GetExecutorId().GetValue() != id.Parts[2] {
			return fmt.Errorf("value names executor %q of %q", v.GetInfo().GetExecutorId().GetValue(), v.GetFrameworkId())
		}
	case *Task:
		got = v.GetTask().GetFrameworkId().GetValue()
		if id.Kind == KindTask && v.GetTask().GetTaskId().GetValue() != id.Parts[1] {
			return fmt.Errorf("value names task %q", v.GetTask().GetTaskId().GetValue())
		}
	case *Operation:
		got = string(v.GetOperation().GetUuid().GetValue())
	case *Offer:
		got = v.GetId()
	case *OfferBatch:
		if v.GetFirst() != id.Number {
			return fmt.Errorf("value starts with number %d", v.GetFirst())
		}
		return v.check()
	case *OutboxHead:
		got = v.GetAgentId()
	case *Outbox:
		got = v.GetAgentId()
		if v.GetDown().GetSeq() != id.Number {
			return fmt.Errorf("value has number %d", v.GetDown().GetSeq())
		}
	}
	if got != id.Parts[0] {
		return fmt.Errorf("value names %q", got)
	}
	return nil
}
