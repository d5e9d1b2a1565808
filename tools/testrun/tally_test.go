package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCountsFailuresAndSkipsWithTheirReason(t *testing.T) {
	events := `{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"pass","Package":"p","Test":"TestGood/sub"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    bad_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestVM","Output":"=== RUN   TestVM\n"}
{"Action":"output","Package":"p","Test":"TestVM","Output":"    vm_test.go:9: no QEMU here\n"}
{"Action":"skip","Package":"p","Test":"TestVM"}
{"Action":"fail","Package":"p"}
# p: build error text
`
	var tl tally
	var out bytes.Buffer
	tl.count(strings.NewReader(events), &out)
	if tl.passed != 1 || tl.failed != 1 || len(tl.skips) != 1 {
		t.Errorf("got %d passed, %d failed, %d skipped, want 1 of each", tl.passed, tl.failed, len(tl.skips))
	}
	var summary bytes.Buffer
	tl.print(&summary)
	for _, want := range []string{"SKIPPED p.TestVM: vm_test.go:9: no QEMU here", "FAILED p.TestBad", "1 passed, 1 failed, 1 skipped"} {
		if !strings.Contains(summary.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, summary.String())
		}
	}
	for _, want := range []string{"got 1, want 2", "build error text"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestUnknownStepIsRefusedByName(t *testing.T) {
	if _, err := choose("unit,nosuch"); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("got %v, want an error naming nosuch", err)
	}
}
