package replay

import (
	"path/filepath"
	"strings"
	"testing"
)

// A floor holds the areas that were played to what was written, but for what a slow
// machine may cost; areas that were not played are not missed.
func TestAStepBackIsFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "floor")
	before := newReport()
	before.areas["a"] = &areaReport{same: 5, allowed: 2}
	before.areas["b"] = &areaReport{same: 9, different: 3}
	if err := before.WriteFloor(file); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now   areaReport
		fault bool
	}{{areaReport{same: 5, allowed: 2}, false}, {areaReport{same: 6, different: 1}, false}, {areaReport{same: 5, different: 2}, true}} {
		r := newReport()
		r.areas["a"] = &c.now
		err := r.CheckFloor(file)
		if c.fault != (err != nil) || c.fault && !strings.Contains(err.Error(), "a: got 5 exchanges that are as they should be, want 7") {
			t.Errorf("%+v: got %v", c.now, err)
		}
	}
}

// A meant difference is counted apart only where it is meant, and only if all of an
// exchange's differences are.
func TestMeantDifferencesAreCountedApart(t *testing.T) {
	status := Difference{"status", "got 501, want 200"}
	for _, c := range []struct {
		area, name string
		diff       []Difference
		want       bool
	}{
		{"master-get-variants", "TRACE_state", []Difference{status}, true},
		{"master-get-variants", "state", []Difference{status}, false},
		{"scheduler", "TRACE_state", []Difference{status}, false},
		{"master-get-variants", "TRACE_state", []Difference{status, {"body.x", "is missing"}}, false},
		{"master-get-variants", "TRACE_state", nil, false},
	} {
		r := Result{Exchange: &Exchange{Area: c.area, Name: c.name}, Differences: c.diff}
		if r.Allowed() != c.want {
			t.Errorf("%s/%s with %v: got %v, want %v", c.area, c.name, c.diff, r.Allowed(), c.want)
		}
	}
}
