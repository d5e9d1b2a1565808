// Package report writes BENCHMARKS.md from the runs kept in bench/history, so
// that every published number has its run, its command and its machine behind it
// and nobody edits numbers by hand.
//
// A run is a file SCENARIO-DATE.json as the scenario's own --json prints it; the
// newest of each scenario is shown, older ones stay as history. What limits a
// scenario is prose in text.go, beside the table that it explains.
package report
