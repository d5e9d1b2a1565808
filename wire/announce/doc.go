// Package announce is what a service tells the program that started it, which reads it from the
// service's output: where it serves (Listening, URL), and why it ended (LastWords).
//
// `caprock alloc` and `caprock agent` write it; clusters on one machine, benchmarks and
// replays read it.
package announce
