package codec

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/wire/json"
)

// MaxBody is the longest body Unmarshal takes, in bytes.
const MaxBody = 16 << 20

// MaxDepth is how deep messages may nest, in either encoding.
const MaxDepth = json.MaxDepth

// MaxMessages is how many messages one body may hold, in either encoding.
const MaxMessages = json.MaxObjects

// ErrTooLong: the body exceeds MaxBody. HTTP says 413.
var ErrTooLong = errors.New("body too long")

// Message is what every generated message of wire/mesos offers.
type Message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
	AppendJSON([]byte) []byte
	DecodeJSON(*json.Decoder) error
	ProtoReflect() protoreflect.Message
}

// Type is an encoding of messages.
type Type uint8

// The two encodings. The zero Type is JSON, which wins when both are acceptable.
const (
	JSON Type = iota
	Protobuf
)

// ContentType is the encoding's media type.
func (t Type) ContentType() string {
	if t == Protobuf {
		return "application/x-protobuf"
	}
	return "application/json"
}

// String is "json" or "protobuf".
func (t Type) String() string {
	if t == Protobuf {
		return "protobuf"
	}
	return "json"
}

// Append appends m's encoding to dst. It fails only if a required field is unset
// (protobuf; JSON just leaves it out), which is a fault of ours, not of a client.
func (t Type) Append(dst []byte, m Message) ([]byte, error) {
	if t == JSON {
		return m.AppendJSON(dst), nil
	}
	size := m.SizeVT()
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	n, err := m.MarshalToSizedBufferVT(dst[start:])
	if err != nil {
		return dst[:start], fmt.Errorf("BUG: cannot encode %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	if n != size {
		return dst[:start], fmt.Errorf("BUG: %s changed while it was encoded: %d bytes, want %d",
			m.ProtoReflect().Descriptor().FullName(), n, size)
	}
	return dst, nil
}

// Unmarshal decodes data into m, which should be empty. It fails if data is too long, is
// malformed, nests too deep, holds too many messages or lacks required fields; m's
// content is then undefined. Nothing in m aliases data.
func (t Type) Unmarshal(data []byte, m Message) error {
	if len(data) > MaxBody {
		return fmt.Errorf("%w: got %d bytes, want at most %d", ErrTooLong, len(data), MaxBody)
	}
	return t.unmarshal(data, m, false)
}

// UnmarshalTrusted is Unmarshal without limits of length and number: for an answer from a
// server we chose to ask, which may list a hundred thousand tasks.
func (t Type) UnmarshalTrusted(data []byte, m Message) error { return t.unmarshal(data, m, true) }

func (t Type) unmarshal(data []byte, m Message, trusted bool) error {
	if t == JSON {
		return unmarshalJSON(data, m, trusted)
	}
	return unmarshalProtobuf(data, m, trusted)
}

// decoders are some kilobytes each; a server decodes thousands of bodies a second.
var decoders = sync.Pool{New: func() any { return new(json.Decoder) }}

func unmarshalJSON(data []byte, m Message, trusted bool) error {
	d := decoders.Get().(*json.Decoder)
	defer decoders.Put(d)
	d.Reset(data)
	if trusted {
		d.Unlimited()
	}
	m.DecodeJSON(d)
	err := d.Finish()
	d.Reset(nil)
	if err != nil {
		return fmt.Errorf("cannot read JSON as %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}
