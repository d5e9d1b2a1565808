// Package executor is the agent's side of the v1 executor API: POST
// /api/v1/executor, by which custom executors subscribe, send status updates and
// messages, and get their events.
//
// What a call means is decided by agent/core. This package reads and checks calls,
// hands them over as commands, holds the requests until the core's reply, and
// carries events to the streams. Events are encoded by the agent's loop, once, in
// the encoding of their stream; a goroutine per stream writes them, so a slow
// executor never delays the loop. What waits for one is bounded; an executor that
// does not read is cut, and subscribes again.
package executor
