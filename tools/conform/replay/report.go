package replay

import (
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"text/tabwriter"
)

// Report adds up results by area.
type Report struct {
	areas   map[string]*areaReport
	notRun  map[string]int // exchanges by reason
	allowed map[string]int // likewise; one may have several
}

type areaReport struct {
	same, allowed, different int
	results                  []Result
}

func newReport() *Report {
	return &Report{areas: map[string]*areaReport{}, notRun: map[string]int{}, allowed: map[string]int{}}
}

// add takes in the results of a world; those of exchanges that nobody asked
// for are left out.
func (r *Report) add(results []Result) {
	for _, result := range results {
		if !result.Counted {
			continue
		}
		a := r.areas[result.Area]
		if a == nil {
			a = &areaReport{}
			r.areas[result.Area] = a
		}
		if result.Same() {
			a.same++
			continue
		}
		if result.Allowed() {
			a.allowed++
			r.reasons(result)
			continue
		}
		a.different++
		a.results = append(a.results, result)
	}
}

func (r *Report) reasons(result Result) {
	seen := map[string]bool{}
	for _, d := range result.Differences {
		if reason := allowedIn(result.Exchange, d); !seen[reason] {
			seen[reason] = true
			r.allowed[reason]++
		}
	}
}

// Totals are the counts over all areas.
func (r *Report) Totals() (same, different int) {
	for _, a := range r.areas {
		same += a.same
		different += a.different
	}
	return same, different
}

func (r *Report) names() []string {
	var names []string
	for n := range r.areas {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Table prints a line per area.
func (r *Report) Table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "same\tallowed\tdifferent\t  area")
	for _, n := range r.names() {
		fmt.Fprintf(t, "%d\t%d\t%d\t  %s\n", r.areas[n].same, r.areas[n].allowed, r.areas[n].different, n)
	}
	t.Flush()
	for _, reason := range sortedReasons(r.allowed) {
		fmt.Fprintf(w, "%d allowed: %s\n", r.allowed[reason], reason)
	}
	for _, reason := range sortedReasons(r.notRun) {
		if r.notRun[reason] == 0 {
			continue // none of those that were asked for
		}
		fmt.Fprintf(w, "%d not run: %s\n", r.notRun[reason], reason)
	}
}

// Details prints every difference below its exchange.
func (r *Report) Details(w io.Writer) {
	for _, n := range r.names() {
		for _, result := range r.areas[n].results {
			fmt.Fprintf(w, "%s: %s\n", result.Key(), result.Request.Line)
			for i, d := range result.Differences {
				if i == 20 {
					fmt.Fprintf(w, "    … and %d more\n", len(result.Differences)-i)
					break
				}
				fmt.Fprintf(w, "    %s\n", d)
			}
		}
	}
}

// places and values are what the text of a difference has beyond its cause.
var (
	places = regexp.MustCompile(`\[\d+\]`)
	values = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\b\d+(?:\.\d+)?\b`)
)

// Groups prints how many exchanges of which areas share a cause: the same
// difference but for indices and values.
func (r *Report) Groups(w io.Writer) {
	type cause struct {
		exchanges int
		areas     map[string]bool
		example   string
	}
	causes := map[string]*cause{}
	for _, n := range r.names() {
		for _, result := range r.areas[n].results {
			seen := map[string]bool{}
			for _, d := range result.Differences {
				key := places.ReplaceAllString(d.Where, "[]") + ": " + values.ReplaceAllString(d.What, "…")
				if seen[key] {
					continue
				}
				seen[key] = true
				c := causes[key]
				if c == nil {
					c = &cause{areas: map[string]bool{}, example: result.Key() + ": " + d.String()}
					causes[key] = c
				}
				c.exchanges++
				c.areas[n] = true
			}
		}
	}
	var keys []string
	for k := range causes {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		a, b := causes[keys[i]], causes[keys[j]]
		if a.exchanges != b.exchanges {
			return a.exchanges > b.exchanges
		}
		return keys[i] < keys[j]
	})
	for _, k := range keys {
		c := causes[k]
		fmt.Fprintf(w, "%4d × %s\n       in %s\n       %s\n", c.exchanges, k, strings.Join(sortedSet(c.areas), ", "), c.example)
	}
}

func sortedReasons(m map[string]int) []string {
	reasons := make([]string, 0, len(m))
	for reason := range m {
		reasons = append(reasons, reason)
	}
	sort.Strings(reasons)
	return reasons
}

func sortedSet(m map[string]bool) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
