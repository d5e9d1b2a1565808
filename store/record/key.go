package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Kind is the kind of entity a record speaks of, and the first byte of its key.
// 0x00 and 0xff are left to the journal's own keys.
type Kind uint8

// The kinds, in the order in which they are loaded.
const (
	KindMeta          Kind = 0x10
	KindMaintenance   Kind = 0x18
	KindRole          Kind = 0x20 // name
	KindFramework     Kind = 0x30 // framework id
	KindKeptValue     Kind = 0x38 // framework id, key
	KindAgent         Kind = 0x40 // agent id
	KindExecutor      Kind = 0x50 // agent id, framework id, executor id
	KindTask          Kind = 0x60 // framework id, task id
	KindCompletedTask Kind = 0x68 // framework id, serial
	KindOperation     Kind = 0x70 // operation uuid (16 raw bytes)
	KindOffer         Kind = 0x80 // offer id; of stores from before there were batches
	KindOfferBatch    Kind = 0x84 // number of the first offer
	KindOutboxHead    Kind = 0x88 // agent id
	KindOutbox        Kind = 0x90 // agent id, sequence number
)

// layout says what follows the kind byte: s a string, n a number.
func (k Kind) layout() (string, bool) {
	switch k {
	case KindMeta, KindMaintenance:
		return "", true
	case KindRole, KindFramework, KindAgent, KindOperation, KindOffer, KindOutboxHead:
		return "s", true
	case KindTask, KindKeptValue:
		return "ss", true
	case KindExecutor:
		return "sss", true
	case KindCompletedTask, KindOutbox:
		return "sn", true
	case KindOfferBatch:
		return "n", true
	}
	return "", false
}

// String names the kind.
func (k Kind) String() string {
	switch k {
	case KindMeta:
		return "meta"
	case KindMaintenance:
		return "maintenance"
	case KindRole:
		return "role"
	case KindFramework:
		return "framework"
	case KindKeptValue:
		return "kept-value"
	case KindAgent:
		return "agent"
	case KindExecutor:
		return "executor"
	case KindTask:
		return "task"
	case KindCompletedTask:
		return "completed-task"
	case KindOperation:
		return "operation"
	case KindOffer:
		return "offer"
	case KindOfferBatch:
		return "offer-batch"
	case KindOutboxHead:
		return "outbox-head"
	case KindOutbox:
		return "outbox"
	}
	return fmt.Sprintf("kind(%#x)", uint8(k))
}

// Volatile reports whether records of this kind may be lost without breaking a
// promise: a journal need not keep them.
func (k Kind) Volatile() bool { return k == KindOffer || k == KindOfferBatch }

// Strings in keys end with 0x00 0x01; a 0x00 inside is written 0x00 0xff. So
// keys sort as their parts do and no part is a prefix of another.
func appendString(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) < 0 { // nearly always
		return append(append(b, s...), 0, 1)
	}
	for i := 0; i < len(s); i++ {
		b = append(b, s[i])
		if s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

var errKey = errors.New("malformed key")

func readString(b []byte) (string, []byte, error) {
	end := bytes.IndexByte(b, 0)
	if end >= 0 && end+1 < len(b) && b[end+1] == 1 {
		return string(b[:end]), b[end+2:], nil
	}
	var s []byte
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			s = append(s, b[i])
			continue
		}
		if i+1 == len(b) {
			return "", nil, errKey
		}
		i++
		switch b[i] {
		case 1:
			return string(s), b[i+1:], nil
		case 0xff:
			s = append(s, 0)
		default:
			return "", nil, errKey
		}
	}
	return "", nil, errKey
}

// MetaKey is the key of the cluster's Meta record.
func MetaKey() []byte { return []byte{byte(KindMeta)} }

// MaintenanceKey is the key of the cluster's Maintenance record.
func MaintenanceKey() []byte { return []byte{byte(KindMaintenance)} }

// RoleKey is the key of a role's settings.
func RoleKey(name string) []byte { return stringKey(KindRole, name) }

// FrameworkKey is the key of a framework.
func FrameworkKey(id string) []byte { return stringKey(KindFramework, id) }

// KeptValueKey is the key of a value that a framework keeps.
func KeptValueKey(framework, key string) []byte { return stringKey(KindKeptValue, framework, key) }

// AgentKey is the key of an agent.
func AgentKey(id string) []byte { return stringKey(KindAgent, id) }

// ExecutorKey is the key of an executor on an agent.
func ExecutorKey(agent, framework, executor string) []byte {
	return stringKey(KindExecutor, agent, framework, executor)
}

// TaskKey is the key of a live or unreachable task.
func TaskKey(framework, task string) []byte { return stringKey(KindTask, framework, task) }

// CompletedTaskKey is the key of a completed task; ids may repeat, serials don't.
func CompletedTaskKey(framework string, serial uint64) []byte {
	return numberKey(KindCompletedTask, framework, serial)
}

// OperationKey is the key of an operation, by its 16 byte uuid.
func OperationKey(uuid string) []byte { return stringKey(KindOperation, uuid) }

// OfferKey is the key of an offer that has a record of its own.
func OfferKey(id string) []byte { return stringKey(KindOffer, id) }

// OfferBatchKey is the key of the batch of offers that starts with a number.
func OfferBatchKey(first uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), byte(KindOfferBatch)), first)
}

// OutboxHeadKey is the key of the numbering of an agent's outbox.
func OutboxHeadKey(agent string) []byte { return stringKey(KindOutboxHead, agent) }

// OutboxKey is the key of an entry of an agent's outbox.
func OutboxKey(agent string, seq uint64) []byte { return numberKey(KindOutbox, agent, seq) }

func stringKey(k Kind, parts ...string) []byte {
	n := 1
	for _, p := range parts {
		n += len(p) + 2
	}
	b := append(make([]byte, 0, n), byte(k))
	for _, p := range parts {
		b = appendString(b, p)
	}
	return b
}

func numberKey(k Kind, part string, number uint64) []byte {
	b := append(make([]byte, 0, len(part)+11), byte(k))
	b = appendString(b, part)
	return binary.BigEndian.AppendUint64(b, number)
}

// ID is a key taken apart. Parts that the kind lacks are empty.
type ID struct {
	Kind   Kind
	Parts  [3]string
	Number uint64
}

// ParseKey takes a key apart.
func ParseKey(key []byte) (ID, error) {
	if len(key) == 0 {
		return ID{}, fmt.Errorf("record key: got 0 bytes, want a kind byte: %w", errKey)
	}
	id := ID{Kind: Kind(key[0])}
	layout, ok := id.Kind.layout()
	if !ok {
		return ID{}, fmt.Errorf("record key: got %v, want a known kind: %w", id.Kind, errKey)
	}
	rest, parts := key[1:], 0
	for _, part := range layout {
		var err error
		if part == 'n' {
			if len(rest) < 8 {
				return ID{}, fmt.Errorf("record key of %v: got %d bytes, want an 8 byte number: %w", id.Kind, len(rest), errKey)
			}
			id.Number, rest = binary.BigEndian.Uint64(rest), rest[8:]
			continue
		}
		if id.Parts[parts], rest, err = readString(rest); err != nil {
			return ID{}, fmt.Errorf("record key of %v: part %d is not terminated: %w", id.Kind, parts, err)
		}
		parts++
	}
	if len(rest) != 0 {
		return ID{}, fmt.Errorf("record key of %v: %d bytes too many: %w", id.Kind, len(rest), errKey)
	}
	return id, nil
}

// String prints the id as tests and tools show it: kind and parts.
func (id ID) String() string {
	layout, _ := id.Kind.layout()
	s, parts := id.Kind.String(), 0
	for _, part := range layout {
		if part == 'n' {
			s += fmt.Sprintf(" %d", id.Number)
			continue
		}
		if id.Kind == KindOperation {
			s += fmt.Sprintf(" %x", id.Parts[parts])
		} else {
			s += " " + id.Parts[parts]
		}
		parts++
	}
	return s
}
