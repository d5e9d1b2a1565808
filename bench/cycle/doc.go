// Package cycle is "caprock bench cycle": it builds a cluster in process, through
// the public face of alloc/cycle, and measures full allocation cycles. Every cycle
// offers everything that is free and everything is declined, which is the
// hardest a cycle gets.
//
// shape.go says what clusters look like, measure.go runs them, command.go prints,
// matrix.go runs a whole table of shapes for the history of results.
package cycle
