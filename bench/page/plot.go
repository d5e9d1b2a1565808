package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/caprock/caprock/bench/world"
)

// Plot is one drawing: either lines or bars.
type Plot struct {
	Title string
	// X names the horizontal axis of lines, Y the vertical one or the bars' lengths.
	X, Y  string
	Lines []Line
	Bars  []Bar
}

// Line is a curve; X and Y have equal lengths and X ascends.
type Line struct {
	Name string
	X, Y []float64
	// Reference lines are drawn dashed, in the colour of the line before them.
	Reference bool
}

// Bar is a named value.
type Bar struct {
	Name  string
	Value float64
}

// OfTimeline makes plots of what was sampled, a drawing for each Plot of its curves.
func OfTimeline(name string, t *world.Timeline) (plots []Plot) {
	for _, c := range t.Curves {
		i := slices.IndexFunc(plots, func(p Plot) bool { return p.Y == c.Plot })
		if i < 0 {
			i = len(plots)
			plots = append(plots, Plot{Title: joined(name, c.Plot), X: "seconds", Y: c.Plot})
		}
		line := Line{Name: c.Name, Y: c.Values, Reference: c.Reference}
		for n := range c.Values {
			line.X = append(line.X, float64(n+1)*t.EverySeconds)
		}
		plots[i].Lines = append(plots[i].Lines, line)
	}
	return plots
}

func joined(name, plot string) string {
	if name == "" {
		return plot
	}
	return name + ": " + plot
}

// colours are the variables of the lines' colours.
func (p *Plot) colours() []string {
	all := make([]string, len(p.Lines))
	n := -1
	for i, l := range p.Lines {
		if !l.Reference || n < 0 {
			n++
		}
		all[i] = fmt.Sprintf("--c%d", n%colours)
	}
	return all
}

// table is the plot's numbers: of lines the least, median, greatest and last value.
func (p *Plot) table() (columns []string, rows [][]string) {
	if len(p.Bars) > 0 {
		for _, b := range p.Bars {
			rows = append(rows, []string{b.Name, number(b.Value)})
		}
		return []string{"", p.Y}, rows
	}
	for _, l := range p.Lines {
		if len(l.Y) == 0 {
			rows = append(rows, []string{l.Name, "", "", "", ""})
			continue
		}
		sorted := slices.Sorted(slices.Values(l.Y))
		rows = append(rows, []string{l.Name, number(sorted[0]), number(sorted[(len(sorted)-1)/2]), number(sorted[len(sorted)-1]), number(l.Y[len(l.Y)-1])})
	}
	return []string{"", "least", "median", "most", "last"}, rows
}

// samples is every point of the lines, for who wants to read on.
func (p *Plot) samples() (columns []string, rows [][]string) {
	if len(p.Lines) == 0 {
		return nil, nil
	}
	columns = []string{p.X}
	longest := p.Lines[0].X
	for _, l := range p.Lines {
		columns = append(columns, l.Name)
		if len(l.X) > len(longest) {
			longest = l.X
		}
	}
	for i, x := range longest {
		row := []string{number(x)}
		for _, l := range p.Lines {
			if i < len(l.Y) {
				row = append(row, number(l.Y[i]))
			} else {
				row = append(row, "")
			}
		}
		rows = append(rows, row)
	}
	return columns, rows
}

// number prints a value with three digits, or whole if it has more.
func number(v float64) string {
	if a := math.Abs(v); a >= 100 || a == math.Trunc(a) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// ticks are round values from 0 to at least most, about count of them.
func ticks(most float64, count int) []float64 {
	if !(most > 0) || math.IsInf(most, 0) {
		return []float64{0, 1}
	}
	raw := most / float64(count)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw {
			step = m * power
			break
		}
	}
	var at []float64
	for i := 0; ; i++ {
		at = append(at, float64(i)*step)
		if float64(i)*step >= most*(1-1e-9) {
			return at
		}
	}
}
