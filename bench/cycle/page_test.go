package cycle

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// shown is the page of a table and plots.
func shown(t *testing.T, table page.Table, plots []page.Plot, notes ...string) string {
	t.Helper()
	var b strings.Builder
	if err := page.Write(&b, world.NewReport("bench cycle", nil, notes...), table, plots); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMatrixComparesTheShapes(t *testing.T) {
	r, err := Measure(t.Context(), Shape{Agents: 20, Frameworks: 3, Roles: 1, Cycles: 1, Quota: "none", Batch: 10})
	if err != nil {
		t.Fatal(err)
	}
	rows := []row{{Name: "20 × 3", MesosSeconds: 1.5, Report: r, Parts: &r.Parts}, {Name: "not measured", Report: r, Parts: &r.Parts}}
	text := shown(t, matrixTable(rows), matrixPlots(rows))
	for _, want := range []string{"<td>20 × 3</td>", "<td>1500</td>", "for each offer", "<rect ", "×</td>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := matrixTable(rows).Rows[1][7]; got != "" {
		t.Errorf("what was not measured of Mesos is shown as %q, want nothing", got)
	}
}

func TestOneShapeShowsEachCycle(t *testing.T) {
	shape := Shape{Agents: 20, Frameworks: 3, Roles: 1, Cycles: 3, Quota: "none", Batch: 10}
	r, err := Measure(t.Context(), shape)
	if err != nil {
		t.Fatal(err)
	}
	text := shown(t, cyclesTable(r), cyclesPlots(r), notes(shape, r)...)
	for _, want := range []string{"<td>3</td>", "<td>median</td>", "20 agents, 3 frameworks", "<polyline", "a bare heap"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestShapesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, s := range []Shape{
		{Agents: 0, Frameworks: 1, Roles: 1, Cycles: 1, Batch: 1, Quota: "none"},
		{Agents: 1, Frameworks: -1, Roles: 1, Cycles: 1, Batch: 1, Quota: "none"},
		{Agents: 1, Frameworks: 1, Roles: 2, Cycles: 1, Batch: 1, Quota: "none"},
		{Agents: 1, Frameworks: 1, Roles: 1, Cycles: 1, Batch: 1, Quota: "some"},
		{Agents: 1, Frameworks: 1, Roles: 1, Cycles: 1, Batch: 1, Quota: "none", DeclineSeconds: -1},
	} {
		if s.validate() == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}
