package replay

import (
	"fmt"
	"testing"
)

// What a cluster has from worlds before is no part of the comparison; what it has beside is.
func TestWhatWasThereBeforeIsNotCompared(t *testing.T) {
	ids := newIds()
	ids.before = &before{frameworks: map[string]string{"old": "recorded-old"}, agent: "a", registeredOnce: true}
	for _, c := range []struct {
		want, got string
		different int
	}{
		{`{"completed_frameworks":[]}`, `{"completed_frameworks":[{"id":"old"}]}`, 0},
		{`{"completed_frameworks":[]}`, `{"completed_frameworks":[{"id":"new"}]}`, 1},
		{`{"completed_frameworks":[{"id":"recorded-old"}]}`, `{"completed_frameworks":[{"id":"old"},{"id":"old"}]}`, 2},
		{`{"get_tasks":{}}`, `{"get_tasks":{"completed_tasks":[{"framework_id":{"value":"old"}}]}}`, 0},
		{`{"get_tasks":{}}`, `{"get_tasks":{"completed_tasks":[{"framework_id":{"value":"new"}}]}}`, 1},
		{`{"slaves":[],"activated_slaves":0.0}`, `{"slaves":[{"id":"a"}],"activated_slaves":1.0}`, 0},
		{`{"slaves":[],"activated_slaves":0.0}`, `{"slaves":[{"id":"b"}],"activated_slaves":2.0}`, 2},
		{`{}`, `{"/frameworks/old/executors/e/runs/latest":"x"}`, 0},
		{`{"slaves":[{"id":"b","reregistered_time":1.5}]}`, `{"slaves":[{"id":"b"}]}`, 0},
	} {
		diff := compareTrees([]byte(c.want), []byte(c.got), nil, equal, ids.try())
		if len(diff) != c.different {
			t.Errorf("%s and %s: got %v, want %d differences", c.want, c.got, diff, c.different)
		}
		if unaware := compareTrees([]byte(c.want), []byte(c.got), nil, equal, newIds().try()); len(unaware) == 0 {
			t.Errorf("%s and %s are the same", c.want, c.got)
		}
	}
	if got := fmt.Sprint((&before{}).empty(), (*before)(nil).empty(), ids.before.empty()); got != "true true false" {
		t.Errorf("empty: %s", got)
	}
}
