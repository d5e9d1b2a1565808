// Package calls is "caprock bench calls": how many scheduler calls a durable
// allocator takes per second, and how long each waits for its answer.
//
// Each case gets an allocator process, a fleet and frameworks of its own, so
// that none inherits another's state. After a warm-up everything that ends within a
// window is counted.
//
//	case.go     which cases there are
//	pool.go     offers and updates that wait for a call, dealt over frameworks
//	run.go      one case: world, warm-up, window
//	command.go  flags, repetition, medians, the table
//
// A case without a rate is a closed loop: a fixed number of calls is in flight, the
// next begins when one ends, and its figure is the rate. A case with a rate is an open
// loop: calls are due at even intervals whatever happens, and its figure is the
// latency since each was due.
package calls
