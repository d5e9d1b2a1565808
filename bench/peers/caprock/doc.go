// Package caprock places tasks with Caprock itself, in two ways that answer different
// questions.
//
// Engine drives the allocator's pure core in process, which is what the peers' figures
// can be held against: nothing crosses a network and nothing is written to a disk.
// Frameworks revive, a cycle makes offers, each framework accepts what it needs, and a
// task has its node when the order to launch it leaves for the agent.
//
// Wire drives a real allocator process over loopback, with agents on links and
// frameworks on event streams: every call is on disk before it is answered. A task
// has its node when its ACCEPT was answered; that each then reached its agent is
// checked.
//
// What is decided differs from the peers in either way: Caprock decides which
// framework gets which node's resources, and frameworks choose among what they are
// offered. Ours put as many tasks on an offer as fit, or one task for each ACCEPT; over
// the wire they wait for the answer to each ACCEPT, so that with few applications the disk's
// latency is what is measured, or send several before they wait.
package caprock
