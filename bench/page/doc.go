// Package page is how a scenario says what it found: as a table, as JSON, and as a
// page with plots.
//
//	output.go  --json and --html, the same for every scenario
//	page.go    one HTML file: nothing in it comes from the network
//	plot.go    what is plotted: lines over time, or bars
//	svg.go     the drawing
//
// Plots are inline SVG drawn here. Colours are CSS variables, so the page follows
// the reader's light or dark setting, and every plot has its numbers in a table
// beside it.
package page
