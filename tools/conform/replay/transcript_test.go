package replay

import (
	"os"
	"strings"
	"testing"
)

// packed are the transcripts that the program carries.
func packed(t testing.TB) []*Exchange {
	t.Helper()
	data, err := os.ReadFile("../testdata/golden.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	all, err := LoadArchive(data)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPackedTranscripts(t *testing.T) {
	all := packed(t)
	areas, streams, events := map[string]bool{}, 0, 0
	for _, e := range all {
		areas[e.Area] = true
		if e.Response.Events != nil {
			streams++
			events += len(e.Response.Events)
		}
		if e.Request.Method() == "" || e.Request.Target() == "" && e.Response.Status() != 0 {
			t.Errorf("%s: request line %q", e.Key(), e.Request.Line)
		}
	}
	if len(all) != 2075 || len(areas) != 85 || streams != 24 {
		t.Errorf("got %d exchanges, %d areas, %d streams with %d events; want 2075, 85, 24", len(all), len(areas), streams, events)
	}
}

func TestParseRefusesWhatItCannotPlay(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON":       `{"name": `,
		"no request":    `{"name": "x", "response": {"line": "HTTP/1.1 200 OK"}}`,
		"bad hex":       `{"name": "x", "request": {"line": "GET / HTTP/1.1", "body_hex": "0g"}, "response": {"line": ""}}`,
		"bad event":     `{"name": "x", "request": {"line": "GET / HTTP/1.1"}, "response": {"line": "", "events": [[1, "zz"]]}}`,
		"event no time": `{"name": "x", "request": {"line": "GET / HTTP/1.1"}, "response": {"line": "", "events": [["now", "CLOSED"]]}}`,
	} {
		if _, err := Parse("area", strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), "area, line 1") {
			t.Errorf("%s: got %v, want an error that names the line", name, err)
		}
	}
}

func TestMergeCountsWhatWasAskedFor(t *testing.T) {
	all := packed(t)
	asked := areasOf(all, "agent-live")
	merged := Merge(asked, all)
	counted := 0
	for _, e := range merged {
		if e.Counted {
			counted++
		}
	}
	if len(merged) != len(all) || counted != len(asked) {
		t.Errorf("got %d exchanges, %d counted; want %d and %d", len(merged), counted, len(all), len(asked))
	}
}
