// Package workload says what a world is made of and what happens in it: which
// machines, which roles, which frameworks and how they behave, and in which phases.
//
//	workload.go  the parts of a workload
//	kind.go      kinds of frameworks, which fill in what is not said
//	file.go      the TOML file: reading, and faults with their lines
//	check.go     what a workload must be
//	random.go    a workload from a seed
//	examples.go  workloads that come with the program
//	fair.go      the shares that dominant resource fairness would give
//
// A workload is data: the same one, with the same seed, is the same world in each
// run. bench/fleet plays it. docs/bench.md explains the file.
package workload
