package announce

import (
	"strings"
	"testing"
)

func TestWhoReadsTheLineKnowsTheURL(t *testing.T) {
	var b strings.Builder
	Listening(&b, "10.0.0.1:5050")
	if url, ok := URL(strings.TrimSuffix(b.String(), "\n")); !ok || url != "http://10.0.0.1:5050" {
		t.Errorf("got %q and %v from %q", url, ok, b.String())
	}
	if url, ok := URL("level=INFO msg=listening"); ok {
		t.Errorf("another line: got %q", url)
	}
}

func TestLastWordsAreTheLastLineHoweverItIsWritten(t *testing.T) {
	for _, c := range []struct {
		writes []string
		want   string
	}{
		{nil, "it said nothing"},
		{[]string{"\n\n"}, "it said nothing"},
		{[]string{"first\n", "caprock: port in use\n"}, "port in use"},
		{[]string{"first\nsec", "ond\n"}, "second"},
		{[]string{"no end of line"}, "no end of line"},
		{[]string{strings.Repeat("x", 1<<20), "\nlast\n"}, "last"},
	} {
		var l LastWords
		for _, w := range c.writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("writing: got %d and %v", n, err)
			}
		}
		if got := l.String(); got != c.want || cap(l.line) > 4<<20 {
			t.Errorf("%d writes: got %q, want %q", len(c.writes), got, c.want)
		}
	}
}
