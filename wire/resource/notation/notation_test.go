package notation_test

import (
	"os"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/resource/notation"
)

// testdata/entries.txt holds one list of resources per line, in the form that Format writes.
func TestRoundTrip(t *testing.T) {
	data, err := os.ReadFile("testdata/entries.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		rs, err := notation.Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		} else if got := notation.Format(rs); got != line {
			t.Errorf("got  %s\nwant %s", got, line)
		}
	}
}

func TestFormatSortsAndMerges(t *testing.T) {
	rs, err := notation.Parse("ports:[7-9,1-3];mem{rev}:1;mem:0.50;cpus(d:b):1;cpus:2;cpus:0.1;nics:{b,a}")
	if err != nil {
		t.Fatal(err)
	}
	want := "cpus(d:b):1;cpus:2.1;mem:0.5;mem{rev}:1;nics:{a,b};ports:[1-3,7-9]"
	if got := notation.Format(rs.Allocate("r")); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, wantErr string }{
		{"cpus", "no colon"},
		{";", "no colon"},
		{"cpus:", "not a number"},
		{"cpus:x", "not a number"},
		{"cpus:-1", "not above zero"},
		{"cpus(s:a:1", "not closed"},
		{"cpus(s:a)1", "where the colon"},
		{"cpus(x:a):1", "want s:ROLE or d:ROLE"},
		{"cpus(s:):1", "role name is empty"},
		{"cpus(s:a,s:a/b):1", "must be DYNAMIC"},
		{"cpus{rev:1", "not closed"},
		{"cpus{what}:1", "unknown"},
		{"disk{mount,path}:1", "one type of source"},
		{"disk{raw=/x}:1", "raw has no root"},
		{"disk{id=x}:1", "need mount, path, raw or block"},
		{"disk(s:a){volprincipal=p}:1", "needs vol"},
		{"cpus{mount}:1", "must not be set"},
		{"ports:[1]", "two integers"},
		{"ports:[2-1]", "begins after"},
		{"nics:{a,a}", "twice"},
		{":1", "name is empty"},
	} {
		if _, err := notation.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("%q: got error %v, want %q", c.text, err, c.wantErr)
		}
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an invalid text did not panic")
		}
	}()
	notation.MustParse("cpus")
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/entries.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		rs, err := notation.Parse(text)
		if err != nil {
			return
		}
		written := notation.Format(rs)
		again, err := notation.Parse(written)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, written, err)
		}
		if notation.Format(again) != written {
			t.Fatalf("%q is written as %q and then as %q", text, written, notation.Format(again))
		}
		if !again.NonShared().Equal(rs.NonShared()) {
			t.Fatalf("%q reads as %s and then as %s", text, rs, again)
		}
	})
}
