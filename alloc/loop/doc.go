// Package loop drives the allocator's pure core: it is where commands, time and
// the disk meet.
//
//	Submit ─► inbox ─► [drain ─► core.Step each ─► batch ─► core.Cycle ─► batch] ─► journal
//	                                                                                  │ durable
//	                         readers ◄─ Sink.Publish, Sink.Perform ◄── releaser ◄─────┘
//
// One goroutine (Run's) owns the core. It drains what has arrived, steps
// through it, and appends one batch of records to the journal without waiting for the
// disk; then it runs the allocation cycle once, and what that offers is a second
// batch. Under load batches grow and the cost of each command falls. Records that ask
// for nothing to be done wait a moment (Options.HoldFor) for a batch to share.
//
// The journal's goroutine, the releaser, performs the effects of each batch when
// that batch is durable, in order: nothing leaves the process before what it
// says is on the disk. Per step, the changed entities become visible to
// readers first, then the step's effects are performed; so an effect that takes
// a snapshot of the readers' view sees exactly the state of its own step.
//
// Pressure goes backwards: a slow sink or disk fills the pipeline, the loop
// stops draining, the inbox fills, and its two kinds of producers feel it
// differently. Submit (calls over HTTP) is refused, which becomes a 503 with
// Retry-After; SubmitWait (frames of agents) blocks, so that the link is not
// read and TCP slows the agent down. Each kind has bounds and a queue of its own, and
// half of every batch for sure, so a storm of agents neither refuses schedulers nor
// lets them wait longer than a batch takes. Notices that something ended are always
// taken, behind what they are about: they free memory.
//
// When the journal fails, Run returns its error at once. Nothing that was not
// yet released ever is; the program is expected to exit.
//
// The loop decides nothing and knows no entity: rules are alloc/core's, who
// hears of an effect is the Sink's.
package loop
