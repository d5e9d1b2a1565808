package json

import (
	"encoding/base64"
	"slices"
)

// The member writers append `key` (which holds quotes and colon, `"name":`), the
// value and a comma. End takes the last comma back.

// String appends a string member.
func String(b []byte, key, v string) []byte {
	return append(AppendString(append(b, key...), v), ',')
}

// Bool appends a boolean member.
func Bool(b []byte, key string, v bool) []byte {
	b = append(b, key...)
	if v {
		return append(b, "true,"...)
	}
	return append(b, "false,"...)
}

// Int appends a signed integer member; 64-bit values are numbers too, as in Mesos.
func Int(b []byte, key string, v int64) []byte {
	return append(AppendInt(append(b, key...), v), ',')
}

// Uint appends an unsigned integer member.
func Uint(b []byte, key string, v uint64) []byte {
	return append(AppendUint(append(b, key...), v), ',')
}

// Double appends a floating point member.
func Double(b []byte, key string, v float64) []byte {
	return append(AppendDouble(append(b, key...), v), ',')
}

// Bytes appends a bytes member as padded standard base64.
func Bytes(b []byte, key string, v []byte) []byte {
	b = append(append(b, key...), '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"', ',')
}

// Name appends an enum member. An empty name stands for a number this program has
// no name for (a newer peer sent it): like Mesos, treat it as unset.
func Name(b []byte, key, name string) []byte {
	if name == "" {
		return b
	}
	b = append(append(b, key...), '"')
	b = append(b, name...)
	return append(b, '"', ',')
}

// Duration appends a google.protobuf.Duration, which Mesos prints as a plain
// message: proto3 fields, so zeros are left out.
func Duration(b []byte, key string, seconds int64, nanos int32) []byte {
	b = append(append(b, key...), '{')
	if seconds != 0 {
		b = Int(b, `"seconds":`, seconds)
	}
	if nanos != 0 {
		b = Int(b, `"nanos":`, int64(nanos))
	}
	return append(End(b), ',')
}

// End closes an object opened with '{' whose members each ended in a comma.
func End(b []byte) []byte {
	if n := len(b) - 1; b[n] == ',' {
		b[n] = '}'
		return b
	}
	return append(b, '}')
}

// EndList closes a list member opened with '[' and appends the member's own comma.
func EndList(b []byte) []byte {
	if n := len(b) - 1; b[n] == ',' {
		b[n] = ']'
		return append(b, ',')
	}
	return append(b, ']', ',')
}

// EndMap closes a map member opened with '{' and appends the member's own comma.
func EndMap(b []byte) []byte { return append(End(b), ',') }

// Key appends a map key with its colon.
func Key(b []byte, key string) []byte {
	return append(AppendString(b, key), ':')
}

// SortedKeys appends m's keys to buf in byte order, so that equal messages have
// equal text.
func SortedKeys[V any](m map[string]V, buf []string) []string {
	for k := range m {
		buf = append(buf, k)
	}
	slices.Sort(buf)
	return buf
}
