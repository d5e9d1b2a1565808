package replay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/wire/recordio"
)

// send writes a request as it was recorded, byte for byte but for the length
// and the host, and gives the connection to read the answer from. A library's
// client would mend what some recorded requests get wrong on purpose.
func send(ctx context.Context, address string, request *Message) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", request.Line)
	for _, h := range request.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	b.Write(request.Body)
	if _, err := conn.Write(b.Bytes()); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// answer reads the head of a response and leaves its body to be read.
func answer(conn net.Conn, method string) (*Message, io.ReadCloser, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	m := &Message{Line: fmt.Sprintf("%s %s", response.Proto, response.Status)}
	for name, values := range response.Header {
		for _, v := range values {
			m.Headers = append(m.Headers, [2]string{name, v})
		}
	}
	// net/http takes the framing out of the headers.
	if len(response.TransferEncoding) > 0 {
		m.Headers = append(m.Headers, [2]string{"Transfer-Encoding", response.TransferEncoding[0]})
	} else if response.ContentLength >= 0 && m.Header("Content-Length") == "" {
		m.Headers = append(m.Headers, [2]string{"Content-Length", fmt.Sprint(response.ContentLength)})
	}
	return m, response.Body, nil
}

// roundTrip sends a request and reads the whole response. A connection closed
// without an answer is a Message without a line, as in the transcripts.
func roundTrip(ctx context.Context, address string, request *Message) (*Message, error) {
	conn, err := send(ctx, address, request)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	m, body, err := answer(conn, request.Method())
	if err != nil {
		if closed(err) {
			return &Message{}, nil
		}
		return nil, err
	}
	m.Body, err = io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return m, nil
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset")
}

// ownAgent marks requests that are the runner's own.
const ownAgent = "conform-replay"

// get reads a JSON endpoint of the live cluster for the runner's own use.
func get(ctx context.Context, address, target string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m, err := roundTrip(ctx, address, &Message{Line: "GET " + target + " HTTP/1.1", Headers: [][2]string{{"Host", address}, {"User-Agent", ownAgent}}})
	if err != nil {
		return nil, err
	}
	if m.Status() != http.StatusOK {
		return nil, fmt.Errorf("GET %s: got status %d, want 200", target, m.Status())
	}
	return parseJSON(m.Body)
}

// readRecords splits a stream into records and hands each to got; it returns
// when the stream ends.
func readRecords(body io.Reader, got func(record []byte)) error {
	records := recordio.NewReader(body)
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		got(bytes.Clone(record))
	}
}

// recordTree decodes one record of a stream.
func recordTree(record []byte, m proto.Message) (any, error) {
	if bytes.HasPrefix(record, []byte("{")) {
		return parseJSON(record)
	}
	if m == nil {
		return nil, fmt.Errorf("a record that is neither JSON nor of a known type")
	}
	return parseProtobuf(record, proto.Clone(m))
}
