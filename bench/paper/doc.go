// Package paper is "caprock bench paper": the experiments of the paper that introduced
// Mesos (Hindman and others, NSDI 2011) and of the one on its way of sharing (Ghodsi and others,
// the same year), one command each.
//
//	recovery.go   the allocator is killed: how long until all are back
//	command.go    flags and tables of recovery
//	fairness.go   dominant shares over time, beside those of the analysis
//
// Scalability, the time that a task takes to start on fleets of growing size, is bench/launch
// with the paper's numbers.
package paper
