// Package core is the agent's state machine: everything a node agent decides.
//
// It is pure. It reads no clock and no file, starts no goroutine and owns no
// connection: a driver (package agent) feeds it commands — a frame of the
// allocator, a call of an executor, a process that started or ended, time that
// passed — and carries out the effects that come back, after the records that
// come with them are durable:
//
//	c.Step(now, command)     // any number of times
//	out := c.Take()          // what became of them
//	commit(out.Records)      // then
//	do(out.Effects)          // in order
//
// So whatever the outside has seen of the agent is on disk before, and a crash
// between any two instructions leaves a state that Load and Recover bring back:
// a frame from the allocator's outbox is applied once because its number is
// committed with its effect; a process is started once because the intent is
// committed before and its cgroup is asked about after; a status update is in the
// records before the executor or the scheduler hears of it.
//
// Entities: a framework has containers (runs of executors), a container has tasks,
// a task has a stream of status updates. A command task is a container of its own,
// and the members of a task group run in containers nested in that of their
// DEFAULT executor; both kinds of executor are played by this package, without a
// process of their own. So the checks of their tasks are this package's too: when
// one is due, what its result means, and what the scheduler hears of it.
//
// The operator API launches containers too, nested in those of executors and tasks
// or standing alone; they are called annexes here, and are entities of their own.
//
// The same commands in the same order with the same seed give the same outputs.
package core
