package httpc

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// chunkReader reads a chunked body. Unlike a whole answer a stream is handed on
// as it comes, so a Read returns what is there.
type chunkReader struct {
	br   *bufio.Reader
	left int64 // bytes of this chunk to come
	err  error
	more bool // a chunk has been read; its CRLF comes first
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for r.left == 0 && r.err == nil {
		r.err = r.header()
	}
	if r.err != nil {
		return 0, r.err
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.br.Read(p)
	r.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	r.err = err
	return n, err
}

func (r *chunkReader) header() error {
	if r.more {
		if line, err := r.line(); err != nil || line != "" {
			return chunkError(line, err)
		}
	}
	line, err := r.line()
	if err != nil {
		return chunkError(line, err)
	}
	digits, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 62)
	if err != nil {
		return chunkError(line, nil)
	}
	if n == 0 {
		return r.trailer()
	}
	r.left, r.more = int64(n), true
	return nil
}

func (r *chunkReader) trailer() error {
	for range 64 {
		line, err := r.line()
		if err != nil {
			return chunkError(line, err)
		}
		if line == "" {
			return io.EOF
		}
	}
	return chunkError("", nil)
}

func (r *chunkReader) line() (string, error) {
	b, err := r.br.ReadSlice('\n')
	return strings.TrimRight(string(b), "\r\n"), err
}

func chunkError(line string, err error) error {
	switch err {
	case nil:
		return fmt.Errorf("got %q where a chunk begins, wanted its length", line)
	case io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
