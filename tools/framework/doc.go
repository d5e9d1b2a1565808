// Package framework is the scheduler side of the v1 API for the programs in tools:
// it subscribes, keeps its framework id through failures of either side, hands events to
// one handler, and sends calls with the stream id they need.
//
// Ownership: Run owns the event stream and calls the handler from one goroutine;
// Call and its shorthands may be used from any.
package framework
