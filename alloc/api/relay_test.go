package api

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/httpd"
)

// fill spreads task-0 to task-29 over two frameworks and three agents.
func TestTasksAreFoundByTheBeginningOfTheirID(t *testing.T) {
	s := testServer(t)
	fill(t, s, 3, 2, 30)
	for _, c := range []struct {
		framework, task string
		want            place
		status          int // of a refusal
		text            string
	}{
		{framework: "f-0000", task: "task-4", want: place{"f-0000", "task-4", "a-S1"}},
		{task: "task-4", want: place{"f-0000", "task-4", "a-S1"}},
		{task: "task-3", want: place{"f-0001", "task-3", "a-S0"}}, // though others begin so
		{framework: "f-0001", task: "task-5", want: place{"f-0001", "task-5", "a-S2"}},
		{framework: "f-0000", task: "task-5", status: 404, text: `no task has the id "task-5"`},
		{task: "task-30", status: 404, text: `no task has the id "task-30"`},
		{task: "task", status: 409, text: "30 tasks have the id \"task\" or one that begins so, want one of: task-0 of framework f-0000"},
		{status: 400, text: "got no task_id"},
	} {
		got, err := s.whereIs(c.framework, c.task)
		var refusal *httpd.Refusal
		switch {
		case c.status == 0 && (err != nil || got != c.want):
			t.Errorf("%q %q: got %v, %v, want %v", c.framework, c.task, got, err, c.want)
		case c.status != 0 && (!errors.As(err, &refusal) || refusal.Status != c.status || !strings.Contains(refusal.Text, c.text)):
			t.Errorf("%q %q: got %v, want %d with %q", c.framework, c.task, err, c.status, c.text)
		}
	}
}

func TestTheBeginningUpToADotCountsFirst(t *testing.T) {
	for asked, want := range map[string]string{
		"web": "web.7", "web2": "web2.9", "web.7": "web.7", "we": "web.7 web2.9 webshop", "webs": "webshop", "webshop": "webshop", "x": "",
	} {
		c := candidates{asked: asked}
		for _, id := range []string{"web.7", "web2.9", "webshop", "db.1"} {
			c.note(place{framework: "f", task: id}, "a")
		}
		var got []string
		for p := range c.best() {
			got = append(got, p.task)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: got %q, want %q", asked, text, want)
		}
	}
}
