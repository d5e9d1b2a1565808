package page

import (
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/bench/world"
)

func TestTicksAreRoundAndReachTheGreatestValue(t *testing.T) {
	for _, c := range []struct {
		most  float64
		count int
		want  []float64
	}{
		{10, 5, []float64{0, 2, 4, 6, 8, 10}},
		{10.1, 5, []float64{0, 5, 10, 15}},
		{0.003, 3, []float64{0, .001, .002, .003}},
		{0, 5, []float64{0, 1}},
	} {
		got := ticks(c.most, c.count)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }) {
			t.Errorf("ticks to %v are %v, want %v", c.most, got, c.want)
		}
	}
}

func TestCurvesOfOnePlotShareADrawing(t *testing.T) {
	plots := OfTimeline("big", &world.Timeline{EverySeconds: 2, Curves: []world.Curve{
		{Plot: "ms", Name: "p50", Values: []float64{1, 3, 2}},
		{Plot: "MiB", Name: "resident", Values: []float64{100}},
		{Plot: "ms", Name: "p99", Values: []float64{4, 5, 600}},
	}})
	if len(plots) != 2 || plots[0].Title != "big: ms" || len(plots[0].Lines) != 2 || len(plots[1].Lines) != 1 {
		t.Fatalf("got %+v", plots)
	}
	_, rows := plots[0].table()
	if got := strings.Join(rows[1], " "); got != "p99 4 5 600 600" {
		t.Errorf("the numbers of p99 are %q, want name, least, median, most and last", got)
	}
	_, samples := plots[0].samples()
	if got := strings.Join(samples[2], " "); got != "6 2 600" {
		t.Errorf("the last sample is %q, want the time and both values", got)
	}
}

// point finds the coordinates of polylines.
var point = regexp.MustCompile(`points="([^"]*)"`)

func TestLinesStayInsideTheDrawing(t *testing.T) {
	p := Plot{Title: `a <"b"> & c`, X: "seconds", Lines: []Line{
		{Name: "<i>", X: []float64{1, 2, 3}, Y: []float64{0, 7, 3}}, {Name: "empty"},
	}}
	svg := p.svg()
	wellFormed(t, svg)
	// The greatest value, 7, lies below the tick of 8: 12 + 208/8 from the top.
	if got, want := point.FindStringSubmatch(svg)[1], "277.3,220.0 490.7,38.0 704.0,142.0 "; got != want {
		t.Errorf("the points are %q, want %q", got, want)
	}
	wellFormed(t, (&Plot{Bars: []Bar{{"a & b", 3}, {"none", 0}}}).svg())
	wellFormed(t, (&Plot{}).svg())
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
}

func TestPageNeedsNothingFromANetwork(t *testing.T) {
	var b strings.Builder
	r := world.NewReport("bench x", nil, "note <1>")
	err := Write(&b, r, Table{[]string{"size", "p50"}, [][]string{{"10", "1.5"}}}, []Plot{
		{Title: "over time", X: "s", Lines: []Line{{Name: "p50", X: []float64{1, 2}, Y: []float64{3, 4}}}},
		{Title: "sizes", Y: "calls/s", Bars: []Bar{{"accept", 12345}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"caprock bench x", "note &lt;1&gt;", "<td>1.5</td>", "<svg ", "12345", "prefers-color-scheme: dark",
		`<span class="key" style="background:var(--c0)"></span>p50`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<script", "@import", "url(", "ZgotmplZ"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestCommandHasTheFlagsThatWereGiven(t *testing.T) {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	var o Output
	f.Int("agents", 5, "")
	f.Int("links", 5, "")
	f.StringSlice("alloc-flags", nil, "")
	f.String("dir", "", "")
	o.Flags(f)
	if err := f.Parse([]string{"--agents=7", "--alloc-flags=--a=1s", "--alloc-flags=--b=2 3", "--dir=/d", "--json"}); err != nil {
		t.Fatal(err)
	}
	r := world.NewReport("bench x", nil)
	if err := o.Print(io.Discard, r, Table{}, nil); err != nil {
		t.Fatal(err)
	}
	if want := `bench x --agents=7 --alloc-flags="--a=1s,--b=2 3"`; r.Command != want {
		t.Errorf("got %s, want %s", r.Command, want)
	}
}
