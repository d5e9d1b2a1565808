// Package launch is "caprock bench launch": how long a task takes to start on a
// fleet that is busy, against the size of the fleet.
//
// It is the scalability experiment of the Mesos paper (NSDI 2011, section 6.5): many
// frameworks keep every agent full with tasks that sleep for about half a minute,
// two to an agent, while one framework more launches a task now and then. Here
// that framework, the probe, has a role whose quota limit is one task, so that it
// is offered one piece of an agent at a time, and it is suppressed between
// probes.
//
//	REVIVE ──── wait ────► OFFERS ─► ACCEPT ──── launch ────► TASK_RUNNING
//
// Launch is the overhead that the paper measures: everything between the scheduler's
// decision and the news that its task runs, without the start of a process, as agents are
// simulated. Wait is how long the allocator takes to find the probe an offer. What
// each consists of is in parts.go, with by how much this program itself ran behind.
//
// The first tasks of all frameworks end as if they had begun earlier (world.Task.Running),
// so that the fleet is as it would be after hours as soon as it is full.
package launch
