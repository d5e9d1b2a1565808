// Package fanout carries events to those who subscribed: frameworks and
// operators, thousands of streams, some of which do not read.
//
//	Push(stream, event) ─► encode once ─► subscriber's buffer ─┐
//	Broadcast(event)    ─► encode once per codec ─► copy ──────┤
//	                                                           ▼ Flush
//	                              a few writers for all subscribers that have data: SendSoon
//
// An event is encoded when it is pushed, framed as a RecordIO record, and
// appended to the subscriber's buffer. At the end of a batch Flush hands every
// subscriber that has data to a few writers (writers.go). One of them sends
// what has gathered in large pieces until nothing is left; so an idle stream costs no
// goroutine and no buffer, and a busy one few system calls. A stream that does not
// take all at once, or begins with a snapshot to be rendered, goes on on a goroutine
// of its own: writers wait for nobody.
//
// A subscriber's buffer is bounded in bytes and records. Who exceeds it does
// not read, and is cut: its stream is aborted, the owner hears of it, and the
// client finds out when it reconnects and gets a fresh snapshot. Nobody else
// waits for it. A gap is never silent.
//
// Heartbeats come from one goroutine for all streams: since every stream has
// the same interval, the order in which they are due is the order in which
// they were last beaten, and a queue is enough.
//
// A subscriber exists before its stream does: it is registered when the request
// is parsed, so that events decided before the handler has answered the
// request are kept for it. Attach hands it the stream.
//
// Threads: Open, Push, Broadcast, End and Flush are for one goroutine, the
// loop's releaser. Register, Attach and Drop are for request handlers. Lock
// order: Fanout.mu before Subscriber.mu; neither is held while a stream or the
// owner is called.
package fanout
