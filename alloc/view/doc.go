// Package view is what readers of the cluster's state see: /state, GET_TASKS,
// the snapshot of an event stream, metrics.
//
// The core publishes immutable entities (alloc/core); the view keeps pointers
// to the current ones, one table per kind. Readers never wait for the allocator
// and the allocator never waits for readers: Snapshot returns, in microseconds,
// a consistent picture of everything, which its owner may walk for as long as
// it likes.
//
// A table is an array of chunks of 256 pointers. A snapshot copies the list of
// chunks; from then on the writer copies a chunk before it changes it, once per
// snapshot. So a snapshot costs a pointer per 256 entities, and a change costs
// at most a copy of 2 KiB, and only while somebody has looked. Snapshots taken
// without a change in between are one and the same.
//
// Entities sit in slots, the lowest free one first, so walks see them in about
// the order in which they came, the same on every walk.
//
// Publish is for one goroutine, the loop's releaser; Snapshot is for any.
// View.mu is held for the length of one Publish or one Snapshot and nothing is
// called under it.
//
// The view adds nothing up: sums and joins are made by those who show them
// (alloc/api), each from its own snapshot.
package view
