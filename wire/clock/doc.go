// Package clock is the only place of Caprock that reads the time.
//
// Everything else takes a Clock, or plain numbers that somebody read from one:
// the pure packages get the time passed in, the drivers around them hold a
// Clock. So a test, or the simulation of a whole cluster, moves time by hand
// and the same seed gives the same history.
//
// Two scales exist, as in the operating system. Now is the wall clock: it is
// for people and for protocol fields (timestamps, Date headers), and it can
// jump. Monotonic is the time since the clock was made: it never jumps, and
// every deadline, timeout and interval is computed from it.
//
// Real is the machine's clock. Sim stands still until Advance moves it; its
// timers fire on the goroutine that calls Advance, in order of deadline, and
// in order of creation where deadlines are equal.
package clock
