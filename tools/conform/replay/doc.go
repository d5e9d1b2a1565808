// Package replay plays recorded conversations with a Mesos master and agent
// against a running Caprock and says where the answers differ.
//
// A transcript is a line of JSON: one request and the response that a Mesos
// gave. Lines of one file form an area. What was recorded between one start of a
// master and the next forms a world (world.go): its exchanges are put on one
// timeline, because a read of "the cluster with a task" makes sense only between
// the calls that launched the task and those that ended it.
//
// The runner (run.go) walks along the timeline. Streams stay open beside it
// (stream.go); ids of the recorded run are replaced by those that the live
// cluster gave in the same place (ids.go), and a call waits until the offers
// and updates it answers have arrived. Calls that a recording lacks but needs
// are invented (session.go, executor.go) and not counted.
//
// What "the same" means is defined in determined.go and compare.go: the same keys
// and types everywhere; the same values wherever the request or the recorded cluster
// determines them. Of texts written for people only their presence is compared.
//
// The runner reads a response as a Mesos client would: it never looks at the
// server's internals, and everything it knows of the cluster comes over HTTP.
package replay
