package cycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPageComparesTheShapes(t *testing.T) {
	r, err := Measure(Shape{Agents: 20, Frameworks: 3, Roles: 1, Cycles: 1, Quota: "none", Batch: 10})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := writePage(file, []row{{Name: "20 × 3", MesosSeconds: 1.5, Report: r, Parts: &r.Parts}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<td>20 × 3</td>", "<td>1500</td>", "for each offer", "<rect "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestPageOfOneShapeShowsEachCycle(t *testing.T) {
	shape := Shape{Agents: 20, Frameworks: 3, Roles: 1, Cycles: 3, Quota: "none", Batch: 10}
	r, err := Measure(shape)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := writeCycles(file, shape, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<td>3</td>", "20 agents, 3 frameworks", "<polyline", "a bare heap"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
