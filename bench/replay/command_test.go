package replay

import (
	"strings"
	"testing"
)

// The command prints a verdict over all histories that ship with the allocator.
func TestCommandCountsHistories(t *testing.T) {
	cmd := Command()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"../../alloc/cycle/testdata/histories/rules"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "131 same, 0 different\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
