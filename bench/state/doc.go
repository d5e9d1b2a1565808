// Package state is "caprock bench state": do those who look delay those who work?
//
// Readers poll the endpoints that dashboards, exporters and service discovery poll,
// as fast as they are answered, while frameworks ACCEPT offers at even intervals.
// Phases without readers and with readers of each endpoint take turns, round after
// round, on one allocator and one fleet, so that a disturbance of the machine hits all of
// them, and what is compared is the latency of ACCEPT in one and the other.
//
//	endpoint.go  what is read, and the readers
//	run.go       world, phases, rounds
//	command.go   flags and the table
package state
