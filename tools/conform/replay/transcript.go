package replay

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Exchange is one recorded request with its response.
type Exchange struct {
	Area, Name string
	Request    Message
	Response   Message
	// Counted is false for exchanges that are played only because those asked for
	// need them.
	Counted bool
}

// Message is a request or a response as it was on the wire.
type Message struct {
	Line    string
	Headers [][2]string
	Body    []byte
	// Events are the records of a stream, nil where there was no stream.
	Events []Event
}

// Event is a record of a stream.
type Event struct {
	Since time.Duration // since the request
	Data  []byte        // nil: the stream was closed
}

// Header returns the first value of a header, "" if there is none.
func (m *Message) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// Status is the code in a response's first line, 0 when the connection was
// closed without an answer.
func (m *Message) Status() int {
	var code int
	if _, rest, ok := strings.Cut(m.Line, " "); ok {
		fmt.Sscanf(rest, "%d", &code)
	}
	return code
}

// Method and Target are the two halves of a request's first line.
func (m *Message) Method() string { return strings.SplitN(m.Line, " ", 2)[0] }

func (m *Message) Target() string {
	words := strings.Split(m.Line, " ")
	if len(words) < 2 {
		return ""
	}
	return words[1]
}

// Path is the target without its query.
func (m *Message) Path() string {
	path, _, _ := strings.Cut(m.Target(), "?")
	return path
}

// Key names an exchange within all transcripts.
func (e *Exchange) Key() string { return e.Area + "/" + e.Name }

// Date is when the response was made, to the second; zero if there was none.
func (e *Exchange) Date() time.Time {
	t, err := time.Parse(time.RFC1123, e.Response.Header("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Clone gives a copy that can be altered without altering the original.
func (e *Exchange) Clone() *Exchange {
	c := *e
	c.Request.Headers = append([][2]string(nil), e.Request.Headers...)
	c.Response.Headers = append([][2]string(nil), e.Response.Headers...)
	return &c
}

type jsonMessage struct {
	Line    string               `json:"line"`
	Headers [][2]string          `json:"headers"`
	Body    *string              `json:"body"`
	BodyHex *string              `json:"body_hex"`
	Events  [][2]json.RawMessage `json:"events"`
}

func (j *jsonMessage) message() (Message, error) {
	m := Message{Line: j.Line, Headers: j.Headers}
	switch {
	case j.Body != nil:
		m.Body = []byte(*j.Body)
	case j.BodyHex != nil:
		body, err := hex.DecodeString(*j.BodyHex)
		if err != nil {
			return m, fmt.Errorf("body_hex: %w", err)
		}
		m.Body = body
	}
	if j.Events != nil {
		m.Events = []Event{}
	}
	for i, e := range j.Events {
		event, err := parseEvent(e)
		if err != nil {
			return m, fmt.Errorf("event %d: %w", i, err)
		}
		m.Events = append(m.Events, event)
	}
	return m, nil
}

// parseEvent reads [seconds, record]. A record is a JSON text, or hex for
// protobuf, or the word CLOSED.
func parseEvent(pair [2]json.RawMessage) (Event, error) {
	var seconds float64
	var record string
	if err := json.Unmarshal(pair[0], &seconds); err != nil {
		return Event{}, err
	}
	if err := json.Unmarshal(pair[1], &record); err != nil {
		return Event{}, err
	}
	event := Event{Since: time.Duration(seconds * float64(time.Second))}
	if record == "CLOSED" {
		return event, nil
	}
	if strings.HasPrefix(record, "{") {
		event.Data = []byte(record)
		return event, nil
	}
	data, err := hex.DecodeString(record)
	if err != nil {
		return Event{}, fmt.Errorf("neither JSON nor hex: %.40q", record)
	}
	if data == nil {
		data = []byte{}
	}
	event.Data = data
	return event, nil
}

// Parse reads the exchanges of one area.
func Parse(area string, r io.Reader) ([]*Exchange, error) {
	var all []*Exchange
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			e, err := parseLine(area, line)
			if err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", area, number, err)
			}
			all = append(all, e)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", area, err)
		}
	}
}

func parseLine(area string, line []byte) (*Exchange, error) {
	var j struct {
		Name     string      `json:"name"`
		Request  jsonMessage `json:"request"`
		Response jsonMessage `json:"response"`
	}
	if err := json.Unmarshal(line, &j); err != nil {
		return nil, err
	}
	if j.Name == "" || j.Request.Line == "" {
		return nil, errors.New("want a name and a request line")
	}
	request, err := j.Request.message()
	if err != nil {
		return nil, fmt.Errorf("%s: request: %w", j.Name, err)
	}
	response, err := j.Response.message()
	if err != nil {
		return nil, fmt.Errorf("%s: response: %w", j.Name, err)
	}
	return &Exchange{Area: area, Name: j.Name, Request: request, Response: response, Counted: true}, nil
}

// LoadDir reads every *.jsonl file of a folder; a file's name is its area.
func LoadDir(dir string) ([]*Exchange, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.jsonl file in %s", dir)
	}
	sort.Strings(names)
	var all []*Exchange
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		exchanges, err := Parse(areaOf(name), f)
		f.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, exchanges...)
	}
	return all, nil
}

// LoadArchive reads the *.jsonl members of a zstd-compressed tar.
func LoadArchive(data []byte) ([]*Exchange, error) {
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var all []*Exchange
	for members := tar.NewReader(z); ; {
		member, err := members.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(member.Name, ".jsonl") {
			continue
		}
		exchanges, err := Parse(areaOf(member.Name), members)
		if err != nil {
			return nil, err
		}
		all = append(all, exchanges...)
	}
}

func areaOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".jsonl") }
