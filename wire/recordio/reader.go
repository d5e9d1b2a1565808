package recordio

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// maxHeader is how many digits a header may have: those of the largest uint64.
const maxHeader = 20

// Reader reads records. It belongs to one goroutine.
type Reader struct {
	r     io.Reader
	limit int
	buf   []byte // buf[start:end] has been read from r but not returned
	start int
	end   int
	err   error // sticky
}

// NewReader returns a Reader with the limit MaxRecord.
func NewReader(r io.Reader) *Reader { return NewReaderLimit(r, MaxRecord) }

// NewReaderLimit returns a Reader that refuses records of more than limit bytes.
func NewReaderLimit(r io.Reader, limit int) *Reader { return &Reader{r: r, limit: limit} }

// Reset makes the Reader read from r, keeping limit and buffer.
func (r *Reader) Reset(from io.Reader) {
	*r = Reader{r: from, limit: r.limit, buf: r.buf}
}

// Buffered is the number of bytes read from the stream but not yet returned.
func (r *Reader) Buffered() int { return r.end - r.start }

// Next returns the next record, which stays valid until the next call. At the end of
// the stream between two records the error is io.EOF; within one io.ErrUnexpectedEOF;
// an ErrHeader or ErrTooLong names what was got. Any error is final.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	record, err := r.next()
	r.err = err
	return record, err
}

func (r *Reader) next() ([]byte, error) {
	n, err := r.header()
	if err != nil {
		return nil, err
	}
	r.shrink(n)
	for r.end-r.start < n {
		if err := r.fill(n); err != nil {
			return nil, unexpected(err)
		}
	}
	record := r.buf[r.start : r.start+n : r.start+n]
	r.start += n
	return record, nil
}

// header reads digits and a line feed.
func (r *Reader) header() (int, error) {
	var n uint64
	for i := 0; ; i++ {
		for r.start+i == r.end {
			if err := r.fill(i + 1); err != nil {
				if i > 0 {
					err = unexpected(err)
				}
				return 0, err
			}
		}
		c := r.buf[r.start+i]
		switch {
		case c == '\n' && i > 0:
			if n > uint64(r.limit) {
				return 0, tooLong(n, r.limit)
			}
			r.start += i + 1
			return int(n), nil
		case c-'0' > 9 || i == maxHeader || n > (math.MaxUint64-uint64(c-'0'))/10:
			return 0, r.badHeader()
		}
		n = n*10 + uint64(c-'0')
	}
}

func (r *Reader) badHeader() error {
	got := r.buf[r.start:min(r.end, r.start+maxHeader+1)]
	return fmt.Errorf("%w: got %q, want decimal digits and a line feed", ErrHeader, got)
}

// minRead is the least room offered to a read, in bytes.
const minRead = 4096

// fill reads at least one more byte, on the way to having need bytes. The buffer at most
// doubles at a time, so a header alone cannot make it large.
func (r *Reader) fill(need int) error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.start > 0 && len(r.buf)-r.start < max(need, minRead) {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		grown := make([]byte, min(max(2*len(r.buf), minRead), max(r.end+minRead, r.start+need+minRead)))
		copy(grown, r.buf[:r.end])
		r.buf = grown
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// shrink lets go of a buffer that an earlier, far larger record left behind.
func (r *Reader) shrink(n int) {
	if len(r.buf) > keep && n < keep/4 && r.end-r.start < keep/4 {
		small := make([]byte, max(minRead, r.end-r.start, n))
		r.end = copy(small, r.buf[r.start:r.end])
		r.start, r.buf = 0, small
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func tooLong(n uint64, limit int) error {
	return fmt.Errorf("%w: got %d bytes, want at most %d", ErrTooLong, n, limit)
}
