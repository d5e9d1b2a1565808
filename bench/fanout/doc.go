// Package fanout is "caprock bench fanout": thousands of subscribers to the operators'
// event stream, some of which hardly read, while tasks start and end.
//
//	ACCEPT ──── allocator ────► TASK_ADDED, at every subscriber
//
// Latency is from the moment before an ACCEPT is sent to the moment a subscriber has
// its TASK_ADDED: the decision, the disk, and the way to the last of thousands.
// Subscribers that keep up must miss nothing; those that do not must be cut
// without anybody else waiting for them.
//
// Subscribers come before the agents do, so that their snapshots are small:
// what is measured is the stream.
package fanout
