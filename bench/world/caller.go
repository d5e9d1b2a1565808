package world

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
)

// caller sends POST requests over one connection, one after the other. It does
// what a benchmark needs of HTTP/1.1 and no more: one write for what is sent at once,
// answers with a Content-Length, no redirects. It belongs to one goroutine.
type caller struct {
	nc   net.Conn
	br   *bufio.Reader
	head []byte // of every request, up to the number after Content-Length
	buf  []byte
}

// callerBuffer holds some answers; there may be thousands of callers.
const callerBuffer = 4 << 10

func newCaller(addr, path, contentType string, fields ...string) (*caller, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n", path, addr, contentType)
	for i := 0; i+1 < len(fields); i += 2 {
		head = fmt.Appendf(head, "%s: %s\r\n", fields[i], fields[i+1])
	}
	head = append(head, "Content-Length: "...)
	return &caller{nc: nc, br: bufio.NewReaderSize(nc, callerBuffer), head: head}, nil
}

// post sends body and returns the status of the answer, and its text if that
// is an error.
func (c *caller) post(body []byte) (status int, text string, err error) {
	c.add(body)
	if err := c.send(); err != nil {
		return 0, "", err
	}
	return readAnswer(c.br)
}

// add appends a request to those that send sends.
func (c *caller) add(body []byte) {
	b := append(c.buf, c.head...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	c.buf = append(b, body...)
}

// send writes what was added, at once. An answer must be read for each.
func (c *caller) send() error {
	_, err := c.nc.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

// readAnswer reads one answer with a Content-Length.
func readAnswer(br *bufio.Reader) (status int, text string, err error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		return 0, "", err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, "", fmt.Errorf("got %q, want a status line", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", fmt.Errorf("got %q, want a status line", line)
	}
	length := 0
	for {
		if line, err = br.ReadSlice('\n'); err != nil {
			return 0, "", err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 {
				return 0, "", fmt.Errorf("got %q, want a length", line)
			}
		}
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			return 0, "", fmt.Errorf("got %q, want an answer with a length", line)
		}
	}
	if status < 300 {
		_, err = br.Discard(length)
		return status, "", err
	}
	body := make([]byte, min(length, 4<<10))
	if _, err = io.ReadFull(br, body); err == nil {
		_, err = br.Discard(length - len(body))
	}
	return status, string(body), err
}

func (c *caller) close() { _ = c.nc.Close() }
