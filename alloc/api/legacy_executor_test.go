package api

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// A default executor has no command; the old endpoints show it as an empty one.
func TestExecutorWithoutCommandShowsEmptyLists(t *testing.T) {
	got := string(appendCommand(nil, (&mesos.ExecutorInfo{}).GetCommand()))
	if !strings.Contains(got, `"argv":[]`) || !strings.Contains(got, `"uris":[]`) {
		t.Errorf("got %s, want empty argv and uris", got)
	}
}
