package replay

import (
	"fmt"
	"strings"
	"testing"
)

const recordedFramework1 = "4b7f898f-e134-4676-8201-48f840ac3884-0001"

// The launch that sessions need is made for the framework that acknowledged it, unless it is there.
func TestALaunchThatATranscriptLacksIsImplied(t *testing.T) {
	ack := &Exchange{Area: "agent-sessions2", Name: "f.05_ACKNOWLEDGE_stty_TASK_RUNNING", Request: Message{
		Line: "POST /api/v1/scheduler HTTP/1.1", Body: []byte(`{"framework_id": {"value": "` + recordedFramework1 + `"}}`)}}
	find := func(exchanges []*Exchange) *Exchange {
		for _, e := range implied(exchanges) {
			if e.Name == "f.01_ACCEPT" {
				return e
			}
		}
		return nil
	}
	made := find([]*Exchange{ack})
	if made == nil || made.Counted {
		t.Fatalf("got %+v, want an ACCEPT that is not counted", made)
	}
	body := string(made.Request.Body)
	if strings.Contains(body, "FRAMEWORK") || strings.Contains(body, "MASTER") || !strings.Contains(body, `"framework_id": {"value": "`+recordedFramework1+`"}`) {
		t.Errorf("got %s, want it to name %s", body, recordedFramework1)
	}
	n := needsOf(made, remember(&World{}))
	if len(n.offers) != 1 || n.offers[0] != masterPart(recordedFramework1)+"-O2" {
		t.Errorf("got an ACCEPT of %v, want one offer of the same master", n.offers)
	}
	if again := find([]*Exchange{ack, made}); again != nil {
		t.Errorf("got %s, which was there, a second time", again.Name)
	}
}

// Every record of a streaming body is a chunk, with the lengths in front that a server expects.
func TestRecordsOfARequestAreChunked(t *testing.T) {
	got, want := chunkedRecords("ab", "0123456789abc"), "4\r\n2\nab\r\n10\r\n13\n0123456789abc\r\n0\r\n\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What goes on printing is read as long as the recording was, however it is cut into records.
func TestOutputIsReadUntilThereIsAsMuch(t *testing.T) {
	record := func(data string) string {
		return fmt.Sprintf(`{"type":"DATA","data":{"type":"STDOUT","data":%q}}`, data)
	}
	recorded := []Event{{Data: []byte(record("dGlja3RpY2s="))}} // ticktick
	var live []liveEvent
	for i, want := range []bool{false, true, true} {
		tree, err := parseJSON([]byte(record("dGljaw==")))
		if err != nil {
			t.Fatal(err)
		}
		live = append(live, liveEvent{tree: tree})
		if got := printedAsMuch(recorded, live); got != want {
			t.Errorf("after %d ticks: got %v, want %v", i+1, got, want)
		}
	}
}
