// Package world plays a fleet and its frameworks against a real allocator process,
// over sockets and in the real protocols, so that what is measured is what a
// cluster would see.
//
//	Allocator   starts `caprock alloc` on a directory of its own, or stands for one that runs
//	Fleet       simulated agents: many channels per link, each an Agent
//	Shape       what the machines of a fleet are like: generations, racks, GPUs, reservations
//	Agent       one agent as a state machine without I/O: frames in, frames out
//	Frameworks  simulated schedulers: an event stream and a connection for calls each
//	Metronome   when the calls of an open loop are due
//	Launch      a task with demands of its own; Room says what an offer has for it
//	Histogram   latencies in fixed memory
//	Report      what a scenario found, as a table or as JSON
//
// The load generator shares the machine with the allocator, so it is lean where
// that counts: calls go through a client of a few lines (caller.go) that sends a
// request in one write, and task lists are encoded from templates. Latencies
// of paced calls count from the moment a call was due, not from when it could
// be sent, so a stall is charged to every call that waited for it. Stalls of its own
// it avoids: a kernel timer strikes when a call is due (Metronome), and its garbage is
// collected seldom (collector.go).
//
// What is simulated is the other side only. Agents launch nothing: they answer
// as an agent does whose tasks take no time, or as told by Behaviour.
//
// Scenarios are packages beside this one. Nothing but them and the program
// imports it.
package world
