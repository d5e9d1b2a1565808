// Package report writes BENCHMARKS.md from the runs kept in bench/history, so
// that every published number has its run, its command and its machine behind it
// and nobody edits numbers by hand.
//
// A run is a file SCENARIO-DATE.json as the scenario's own --json prints it; the
// newest of each scenario is shown, older ones are listed below it as history. What
// limits a scenario is prose beside the table that it explains.
//
//	section.go  what a section has, and which there are
//	run.go      a run as it was kept
//	command.go  the command, and the check that BENCHMARKS.md is what the history says
//
// Every other file is a section: its rows, its table, what limits it.
package report
