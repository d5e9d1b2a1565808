package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// A batch is a sequence of: key length, key, value length + 1 (0: deleted), value;
// lengths are uvarints.
func appendBatch(b []byte, records func(yield func(Record) bool)) []byte {
	for r := range records {
		b = appendRecord(b, r)
	}
	return b
}

func appendRecord(b []byte, r Record) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.Key)))
	b = append(b, r.Key...)
	if r.Value == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Value))+1)
	return append(b, r.Value...)
}

// decodeBatch calls fn with each record of b; the values alias b.
func decodeBatch(b []byte, fn func(Record) error) error {
	for len(b) > 0 {
		key, rest, err := takeBytes(b, 0)
		if err != nil {
			return err
		}
		value, rest, err := takeBytes(rest, 1)
		if err != nil {
			return err
		}
		if err := fn(Record{Key: string(key), Value: value}); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// takeBytes splits a length and that many bytes off b. A stored length below bias
// means no value at all.
func takeBytes(b []byte, bias uint64) (value, rest []byte, err error) {
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return nil, nil, fmt.Errorf("%w: batch ends within a length", ErrDamaged)
	}
	b = b[w:]
	if n < bias {
		return nil, b, nil
	}
	n -= bias
	if n > uint64(len(b)) {
		return nil, nil, fmt.Errorf("%w: batch ends within a value", ErrDamaged)
	}
	return b[:n:n], b[n:], nil
}
