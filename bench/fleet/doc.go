// Package fleet is "caprock bench fleet": a world that works, shared by frameworks that
// behave differently, and what each gets of it.
//
// What the world is made of and what happens in it is a workload (bench/workload) or a
// trace (bench/trace). Shares that roles have are measured beside those that dominant
// resource fairness would give them at the moment, so that fairness is a number.
//
//	party.go    the frameworks of a group, and how they answer offers
//	seat.go     what has arrived at one framework and waits for an offer
//	books.go    which tasks of a group run
//	run.go      the world and its phases
//	look.go     what is counted while a phase lasts
//	replay.go   a trace as arrivals
//	command.go  flags and the table
package fleet
