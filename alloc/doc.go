// Package alloc is the allocator service: everything that decides. It puts the
// parts together and runs them; what each does is written in its own package.
//
//	alloc/core     the state of the cluster and its rules, pure
//	alloc/cycle    who is offered what, pure (alloc/drf, alloc/shard below it)
//	alloc/loop     drives the core: drain, decide, commit, release when durable
//	alloc/fanout   event streams
//	alloc/view     what readers see
//	alloc/api      HTTP endpoints and the agents' link
//	store/journal  the durable log of records, on store/kv
//
// A start opens the store (one process per work dir), begins a new term, loads
// every record into the core, and serves. Nothing else is needed: there is no
// separate recovery. When the disk fails, Run returns the error and the program
// should exit; the next start finds everything that was ever answered.
//
// # Goroutines and locks
//
// Request handlers run on a goroutine per connection, links on one each. The
// loop has two goroutines, the journal two, heartbeats one, and a stream or link
// that is being written to one for that long. The core belongs to the loop's
// first goroutine alone and has no lock.
//
// Locks are leaves: none is held while another is taken, with these exceptions,
// in this order:
//
//	api.agentLink.mu  before  api.links.mu
//
// Nothing is called back under a lock.
package alloc
