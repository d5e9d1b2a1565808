// Package api is the allocator's face on the network: the scheduler API, the
// operator API, the unversioned endpoints that tools of Mesos read, and the
// agents' side of the link.
//
//	request ─► negotiate, parse, validate ─► command ─► loop ─► … ─► effect ─► answer
//	                                  └► read call ─► view.Snapshot ─► answer
//
// A handler checks what needs no state, turns a call into a command for the
// loop, and waits until the effect that answers it is performed, which is when
// its consequences are on the disk. Read calls never enter the loop: they are
// answered from a snapshot of the view, one at a time on a thread that gives way to
// calls, once for all who ask for the same while they wait (rendering.go).
//
// Server is also the loop's Sink: it publishes changed entities to the view and
// hands each effect to whom it concerns: the waiting handler (waiters.go), the
// subscriber's stream (alloc/fanout), the agent's link (links.go).
//
// Files:
//
//   - server.go, sink.go, waiters.go: the frame;
//   - request.go: what both v1 endpoints check, in Mesos' order;
//   - scheduler.go, operator.go, operator_reads.go: the v1 endpoints;
//   - links.go: agents;
//   - rendering.go, quiet.go: who makes the answers to reads, and when;
//   - cluster.go, sums.go: joins and sums over a snapshot, shared by all that show state;
//   - framework_state.go, explain*.go, addresses.go: what Mesos does not have;
//   - legacy_*.go, help.go: the unversioned endpoints with their hand-made JSON;
//   - metrics.go: /metrics/snapshot and GET_METRICS.
//
// What it does not do: it decides nothing. Whether a framework exists, a stream
// id is current, an agent may be drained, is alloc/core's to say.
package api
