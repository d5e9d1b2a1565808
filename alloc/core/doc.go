// Package core holds the state of the cluster and every rule about frameworks,
// agents, tasks, offers and operations: what the master of Mesos decides. It is
// pure: no clock, no I/O, no goroutine, no global randomness. Given the same
// commands and times it gives the same answers.
//
// # Flow
//
//	command ─► Step ─► records (durable facts, already applied)
//	                └► effects (what to send to whom, once the records are durable)
//	           Cycle ─► offers, as records and events
//
// A driver (alloc/loop) feeds commands one at a time, calls Cycle, writes the
// records of one or several steps as one batch and, when the batch is durable,
// performs the effects in order. Nothing is promised before it is durable.
//
// # State
//
// Durable state changes in one place only, apply (apply.go), which takes a
// record. Deciding code builds the new record and calls put. So loading the
// records that a history emitted gives the state that the history led to; Hash
// compares the two, and tests do.
//
// Beside it lives what dies with the process: which streams and channels are
// open, ping counts, offers and inverse offers, timers, and the allocation engine
// (alloc/cycle), which Recovered fills from the records. Of offers the records keep
// a trace: a batch for each framework and cycle, until its last offer is gone.
//
// Entities (Framework, Agent, Task, …) are copy-on-write: a changed entity is a
// new struct. Output.Changed carries them to readers, who need no lock. The
// protobuf messages inside are shared between entities, records and events and
// are never modified after they are built.
//
// Of tasks there may be millions. A Task holds what nearly all tasks have in a few words, and
// its messages are made for those who ask (task_compact.go, task_message.go).
//
// # Delivery to agents
//
// What an agent must do is an outbox record, numbered per agent, in the same
// batch as the decision. It is sent when durable, sent again after a reconnect,
// and deleted when the agent says Applied. Pings, answers to Register, and
// acknowledgements of status updates, which agents repeat, are not kept.
//
// # Reading order
//
// command.go, effect.go, output.go: the face. state.go, apply.go, put.go: the
// state and the only way in which it changes. core.go, recovered.go: the start.
// subscribe.go, scheduler.go, accept*.go, status_update.go, reconcile.go,
// operation.go, teardown.go: what frameworks do. register.go, reported.go,
// agent_lost.go, outbox.go: the lives of agents. operator*.go, quota.go, drain.go,
// maintenance.go: what operators do. validate_*.go: the rules for what clients
// send. engine.go: the books of alloc/cycle, which must agree with those here.
//
// Tests tell the rules as scenarios (testdata/*.txt, scenario_test.go) and hold
// random histories against invariants (random_test.go).
//
// # Where it differs from Mesos
//
// Tasks, executors, operations, orders to agents and failover deadlines survive a
// restart. A framework that was connected when the last process ended has its
// failover timeout, at least FrameworkRecoveryTimeout, to come back; Mesos waits
// forever. Tasks of frameworks without checkpointing survive a broken link of
// their agent, since ours finds them again (LoseUncheckpointed restores Mesos'
// rule). If more agents are missing after a restart than RecoveryRemovalLimit says,
// all of them are waited for on; Mesos ends the master. A faulty list of offers
// uses up the caller's own offers only. A kill for an agent that is away keeps its
// kill policy.
//
// # What it does not do
//
// Authentication, parsing, content types, heartbeats and the encoding of events
// are alloc/api's and alloc/fanout's. Stateless checks of a call's shape
// (ValidateSchedulerCall, ValidateOperatorCall) are here as pure functions so
// that api can refuse early. Who gets which resources is alloc/cycle's.
package core
