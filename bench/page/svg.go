package page

import (
	"fmt"
	"html"
	"strings"
)

// Measures of a drawing, in the units of its viewBox.
const (
	width, height            = 720, 260
	left, right, top, bottom = 64, 16, 12, 40
	barHeight, barGap        = 18, 8
	barLabel                 = 290
	colours                  = 8 // --c0 and on, in page.go
)

// svg draws the plot.
func (p *Plot) svg() string {
	if len(p.Bars) > 0 {
		return p.bars()
	}
	return p.lines()
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(s))
}

func open(b *strings.Builder, h float64, title string) {
	fmt.Fprintf(b, `<svg viewBox="0 0 %d %.0f" role="img" aria-label="%s">`, width, h, html.EscapeString(title))
}

// lines draws curves over a grid from 0 on both axes.
func (p *Plot) lines() string {
	var mostX, mostY float64
	for _, l := range p.Lines {
		for i := range l.X {
			mostX, mostY = max(mostX, l.X[i]), max(mostY, l.Y[i])
		}
	}
	xs, ys := ticks(mostX, 8), ticks(mostY, 5)
	toX := func(v float64) float64 { return left + v/xs[len(xs)-1]*(width-left-right) }
	toY := func(v float64) float64 { return height - bottom - v/ys[len(ys)-1]*(height-top-bottom) }
	var b strings.Builder
	open(&b, height, p.Title)
	for _, v := range ys {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/>`, left, toY(v), width-right)
		text(&b, left-6, toY(v)+4, "end", number(v))
	}
	for _, v := range xs {
		text(&b, toX(v), height-bottom+16, "middle", number(v))
	}
	text(&b, (left+width-right)/2, height-6, "middle", p.X)
	colours := p.colours()
	for i, l := range p.Lines {
		class := "line"
		if l.Reference {
			class = "line reference"
		}
		fmt.Fprintf(&b, `<polyline class="%s" style="stroke:var(%s)" points="`, class, colours[i])
		for n := range l.X {
			fmt.Fprintf(&b, "%.1f,%.1f ", toX(l.X[n]), toY(max(0, l.Y[n])))
		}
		fmt.Fprintf(&b, `"><title>%s</title></polyline>`, html.EscapeString(l.Name))
	}
	b.WriteString("</svg>")
	return b.String()
}

// bars draws one below the other.
func (p *Plot) bars() string {
	var most float64
	for _, bar := range p.Bars {
		most = max(most, bar.Value)
	}
	if most == 0 {
		most = 1
	}
	var b strings.Builder
	open(&b, float64(len(p.Bars)*(barHeight+barGap)+barGap), p.Title)
	for i, bar := range p.Bars {
		y := float64(barGap + i*(barHeight+barGap))
		long := max(0, bar.Value) / most * (width - barLabel - 70)
		text(&b, barLabel-6, y+13, "end", bar.Name)
		fmt.Fprintf(&b, `<rect class="bar" x="%d" y="%.1f" width="%.1f" height="%d"/>`, barLabel, y, long, barHeight)
		text(&b, barLabel+long+6, y+13, "start", number(bar.Value))
	}
	b.WriteString("</svg>")
	return b.String()
}
