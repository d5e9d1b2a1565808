package page

import (
	"html/template"
	"io"

	"github.com/caprock/caprock/bench/world"
)

// Table is a scenario's table.
type Table struct {
	Columns []string
	Rows    [][]string
}

// style is the whole of the page's looks. The colours of curves can be told apart by
// most people in both schemes.
const style = `
:root { color-scheme: light dark; --fg: #1c1f23; --bg: #fff; --dim: #667; --line: #dde;
  --c0: #0b62c4; --c1: #c4510b; --c2: #17803d; --c3: #8a3fb8; --c4: #b8860b; --c5: #b81d4e;
  --c6: #087f8c; --c7: #6b5b4b; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e8eb; --bg: #15181c; --dim: #9aa4b0; --line: #333a42;
  --c0: #6cb2ff; --c1: #ff9b5c; --c2: #5fd38a; --c3: #cf95f5; --c4: #e6c04d; --c5: #ff7fa6;
  --c6: #4fd1dd; --c7: #c9b8a6; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } code { font-size: .9em }
p, li { color: var(--dim) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9em }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.plot { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.5rem; align-items: start }
@media (max-width: 50rem) { .plot { grid-template-columns: 1fr } }
svg { width: 100%; height: auto } svg text { font-size: 12px; fill: var(--dim) }
.grid { stroke: var(--line) } .line { fill: none; stroke-width: 2 } .reference { stroke-dasharray: 5 5; stroke-width: 1.5 } .bar { fill: var(--c0) }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px }
details { max-height: 20rem; overflow: auto } summary { cursor: pointer; color: var(--dim) }
`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>caprock {{.Report.Command}}</title><style>{{.Style}}</style></head><body>
<h1>caprock {{.Report.Command}}</h1>
<p>{{.Report.When}}{{with .Report.Commit}}, commit {{.}}{{end}} — {{.Report.Machine}}</p>
{{with .Report.Notes}}<ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}
<div class="wide">{{template "table" .Table}}</div>
{{range .Plots}}<h2>{{.Title}}</h2><div class="plot"><div>{{.SVG}}</div><div><table>
<tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{with .Key}}<span class="key" style="background:var({{.}})"></span>{{end}}{{.Text}}</td>{{end}}</tr>
{{end}}</table>{{with .Samples}}<details><summary>all samples</summary>{{template "table" .}}</details>{{end}}</div></div>
{{end}}</body></html>
{{define "table"}}<table><tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>{{end}}`))

// cell is a cell of the table beside a plot.
type cell struct {
	Text string
	Key  template.CSS // the variable of the curve's colour, shown before the text
}

// drawn is a plot as the template wants it.
type drawn struct {
	Title   string
	SVG     template.HTML // of our own making, with every text escaped
	Columns []string
	Rows    [][]cell
	Samples *Table
}

func draw(p *Plot) drawn {
	d := drawn{Title: p.Title, SVG: template.HTML(p.svg())}
	columns, rows := p.table()
	d.Columns = columns
	colours := p.colours()
	for i, row := range rows {
		var cells []cell
		for n, s := range row {
			c := cell{Text: s}
			if n == 0 && len(p.Lines) > 0 {
				c.Key = template.CSS(colours[i])
			}
			cells = append(cells, c)
		}
		d.Rows = append(d.Rows, cells)
	}
	if columns, rows := p.samples(); len(rows) > 0 {
		d.Samples = &Table{columns, rows}
	}
	return d
}

// Write writes the page.
func Write(w io.Writer, r *world.Report, t Table, plots []Plot) error {
	var all []drawn
	for i := range plots {
		all = append(all, draw(&plots[i]))
	}
	return pageTemplate.Execute(w, map[string]any{"Report": r, "Style": template.CSS(style), "Table": t, "Plots": all})
}
