// Package fleet is "caprock bench fleet": a cluster in its steady state, shared by
// frameworks that behave differently, and what each gets of it.
//
// Every kind of framework is a role of its own, all of weight 1, so the dominant
// shares of roles over time are the fairness experiment of the DRF paper: those
// whose demands have no end should come to equal shares, whether what they need most is
// CPU or memory and whether they take offers whole or in part.
//
//	kind.go     how frameworks behave
//	run.go      the world, its samples, the rows
//	command.go  flags and the table
package fleet
