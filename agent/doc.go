// Package agent is the node daemon: it registers a machine with the allocator and
// runs there what the allocator says.
//
//	allocator ◄── link ──►┐                      ┌─► agent/runner   processes, sandboxes
//	executors ◄── HTTP ──►┤ loop ─► agent/core ──┼─► agent/executor streams of executors
//	operators ◄── HTTP ──►┤            │         ├─► agent/attach   terminals and sessions
//	processes ── exits ──►┘            │         ├─► agent/check    checks of tasks
//	                                   │         ├─► agent/volume   directories of volumes
//	                                   │         └─► link           frames to the allocator
//	                               records
//	                                   ▼
//	                        store/checkpoint (fsync), before any effect
//
// One goroutine, the loop, owns the core. It takes what has arrived, steps the core
// through it, commits the records with one sync, and carries out the effects.
// Everything else is a driver around it. If a commit fails the agent stops: what it
// cannot remember it must not do.
//
// Stopping the agent leaves its tasks running; the next agent on the same work dir
// takes them up again, learning the exit status of those that ended meanwhile.
// Leave is the other way to stop: the agent unregisters and ends every task. Nothing
// of it is left running; what it has to give, and its id, the next agent has.
package agent
