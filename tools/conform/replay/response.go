package replay

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
)

// compareResponse compares status, the headers that matter and, unless it is a
// stream, the body. Bindings of ids are in t afterwards.
func compareResponse(e *Exchange, live *Message, api endpoint, t *trial) []Difference {
	want, got := e.Response.Status(), live.Status()
	if want == 0 && got/100 == 4 {
		return nil // the recorded daemon hung up, or died of the request
	}
	if want != got {
		what := fmt.Sprintf("got %d, want %d", got, want)
		if len(live.Body) > 0 && got >= 400 {
			what += " (" + clip(string(live.Body)) + ")"
		}
		return []Difference{{"status", what}}
	}
	diff := compareHeaders(&e.Response, live, t)
	if e.Response.Events != nil || isRecordStream(&e.Response) {
		return diff
	}
	return append(diff, compareBody(e, live, api, t)...)
}

// isRecordStream says whether a recorded body is RecordIO that was read to its
// end, rather than noted as events.
func isRecordStream(m *Message) bool {
	return m.Events == nil && m.Status() == 200 && m.Header("Transfer-Encoding") == "chunked"
}

var location = regexp.MustCompile(`^//[^/]+:\d+(/.*)?$`)

func compareHeaders(recorded, live *Message, t *trial) []Difference {
	var diff []Difference
	report := func(name, format string, args ...any) {
		diff = append(diff, Difference{"header " + name, fmt.Sprintf(format, args...)})
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Message-Content-Type", "WWW-Authenticate"} {
		if want, got := recorded.Header(name), live.Header(name); want != got {
			report(name, "got %q, want %q", got, want)
		}
	}
	for _, name := range []string{"Date", "Mesos-Stream-Id", "Location"} {
		if want, got := recorded.Header(name) != "", live.Header(name) != ""; want != got {
			report(name, "is there: %v, want %v", got, want)
		}
	}
	if want, got := words(recorded.Header("Allow")), words(live.Header("Allow")); want != got {
		report("Allow", "got %q, want %q", got, want)
	}
	if want, got := framing(recorded), framing(live); recorded.Status() != 0 && want != got {
		report("Transfer-Encoding", "the body's length is given by %s, want %s", got, want)
	}
	if want := recorded.Header("Location"); want != "" {
		got := location.FindStringSubmatch(live.Header("Location"))
		if got == nil || got[1] != location.FindStringSubmatch(want)[1] {
			report("Location", "got %q, want one such as %q", live.Header("Location"), want)
		}
	}
	if want, got := recorded.Header("Mesos-Stream-Id"), live.Header("Mesos-Stream-Id"); want != "" && got != "" {
		if !plainUUID.MatchString(got) {
			report("Mesos-Stream-Id", "got %q, want a UUID", got)
		}
		t.new[want] = got
	}
	return diff
}

func framing(m *Message) string {
	switch {
	case strings.EqualFold(m.Header("Transfer-Encoding"), "chunked"):
		return "chunks"
	case m.Header("Content-Length") != "":
		return "Content-Length"
	}
	return "the connection's end"
}

// words sorts a comma-separated list.
func words(list string) string {
	all := strings.Split(strings.ReplaceAll(list, " ", ""), ",")
	sort.Strings(all)
	return strings.Join(all, ", ")
}

// body undoes the content encoding.
func body(m *Message) ([]byte, error) {
	if m.Header("Content-Encoding") != "gzip" {
		return m.Body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func compareBody(e *Exchange, live *Message, api endpoint, t *trial) []Difference {
	want, err := body(&e.Response)
	if err != nil {
		return []Difference{{"transcript", err.Error()}}
	}
	got, err := body(live)
	if err != nil {
		return []Difference{{"body", err.Error()}}
	}
	if e.Request.Method() == "HEAD" {
		return nil
	}
	if (len(want) == 0) != (len(got) == 0) {
		return []Difference{{"body", fmt.Sprintf("got %d bytes, want %d: %s", len(got), len(want), clip(string(append(got, want...))))}}
	}
	if len(want) == 0 {
		return nil
	}
	within := equal
	if freeBody(&e.Request) {
		within = free
	}
	switch mime := e.Response.Header("Content-Type"); {
	case mime == "application/json":
		return compareTrees(want, got, nil, within, t)
	case mime == "text/javascript":
		return compareJSONP(want, got, within, t)
	case mime == "application/x-protobuf":
		return compareTrees(want, got, api.response(), within, t)
	case mime == "application/octet-stream":
		return nil
	}
	text := strings.TrimSuffix(string(got), "\n")
	if strings.Contains(text, "\n") && !strings.Contains(strings.TrimSuffix(string(want), "\n"), "\n") {
		return []Difference{{"body", fmt.Sprintf("got %s, want one line of text", clip(string(got)))}}
	}
	return nil
}

var jsonp = regexp.MustCompile(`(?s)^([^(]*)\((.*)\)$`)

func compareJSONP(want, got []byte, within strictness, t *trial) []Difference {
	w, g := jsonp.FindSubmatch(want), jsonp.FindSubmatch(got)
	if w == nil || g == nil || !bytes.Equal(w[1], g[1]) {
		return []Difference{{"body", fmt.Sprintf("got %s, want %s", clip(string(got)), clip(string(want)))}}
	}
	return compareTrees(w[2], g[2], nil, within, t)
}

// compareTrees compares two encodings of the same thing: protobuf if a message
// type is given, else JSON.
func compareTrees(want, got []byte, m proto.Message, within strictness, t *trial) []Difference {
	parse := parseJSON
	if m != nil {
		parse = func(data []byte) (any, error) { return parseProtobuf(data, proto.Clone(m)) }
	}
	recorded, err := parse(want)
	if err != nil {
		return []Difference{{"transcript", err.Error()}}
	}
	live, err := parse(got)
	if err != nil {
		return []Difference{{"body", fmt.Sprintf("%v in %s", err, clip(string(got)))}}
	}
	if old := t.ids.before.besides(want); old != nil {
		live = old.strip(live)
	}
	c := comparison{ids: t, json: m == nil}
	c.value("body", "", "", recorded, live, within)
	return c.diff
}
