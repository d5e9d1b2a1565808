package recordio

import (
	"errors"
	"io"
	"strconv"
)

// MaxRecord is the default limit of one record, in bytes.
const MaxRecord = 16 << 20

var (
	// ErrTooLong: a record is longer than the limit.
	ErrTooLong = errors.New("recordio: record too long")
	// ErrHeader: what should be a length is none; the stream is lost.
	ErrHeader = errors.New("recordio: malformed record header")
)

// Append appends record with its header.
func Append(dst, record []byte) []byte {
	return append(AppendHeader(dst, len(record)), record...)
}

// AppendHeader appends the header of a record of n bytes, which must follow.
func AppendHeader(dst []byte, n int) []byte {
	return append(strconv.AppendInt(dst, int64(n), 10), '\n')
}

// HeaderSize is the number of bytes that AppendHeader appends for a record of n bytes.
func HeaderSize(n int) int {
	size := 2
	for ; n >= 10; n /= 10 {
		size++
	}
	return size
}

// Writer writes each record with its header in one Write.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// keep is how large a buffer outlives the record that needed it, in bytes.
const keep = 1 << 20

// Write writes one record and returns len(record) if all of it was taken.
func (w *Writer) Write(record []byte) (int, error) {
	if len(record) > MaxRecord {
		return 0, tooLong(uint64(len(record)), MaxRecord)
	}
	w.buf = Append(w.buf[:0], record)
	_, err := w.w.Write(w.buf)
	if cap(w.buf) > keep {
		w.buf = nil
	}
	if err != nil {
		return 0, err
	}
	return len(record), nil
}
