// Package launch turns a Spec into a running process that is inside all of its
// cgroups and stripped of all it must not have before its first instruction,
// and hands back a Process by which it can be signalled and its exit learned.
//
// # How a task is started
//
// The parent compiles the Spec into a plan: a flat list of system calls, every
// string and buffer they need already laid out in memory. It then makes one
// clone3(CLONE_VM|CLONE_VFORK|CLONE_PIDFD|CLONE_INTO_CGROUP|namespaces); the
// child walks the plan, one raw system call per entry, the last being execve.
// A failing entry ends the child, and because the child shares the parent's
// memory until execve, the parent reads "entry 7, setgroups: EPERM" from a
// variable instead of from a pipe. No helper process is left, none was ever
// executed, and plan.go can be tested by reading plans.
//
// The child joins v1 cgroups by itself, writing "0" to their tasks files: that is
// the one form of migration for which the kernel skips the threadgroup lock,
// and with it an RCU grace period for each hierarchy.
//
// What else was tried, on one 2-core virtual machine with four v1 hierarchies
// (time from call to a started /bin/true, median of 200):
//
//   - os/exec alone, without v1 groups: 0.13 ms, and as much for the plan (half of it when idle);
//     it takes 0.7 ms with the making of five cgroup directories, their limits and joining
//     them (BenchmarkLaunch of the facade).
//   - re-executing the program as an init stage which joins and then executes:
//     1.3 ms more, nearly all of it the Go runtime's start.
//   - os/exec into a frozen v2 leaf, then writing the pid into v1 groups, then
//     thawing: os/exec uses vfork too, so its thread stays in clone until the
//     thaw and cannot reach a safe point. A garbage collection that begins in
//     between waits for that thread, and the thaw waits for the collection:
//     a deadlock, seen within the first hundred launches.
//
// # Namespaces of processes
//
// A task is not process 1 of its namespace, where signals without a handler are
// dropped: StartInit starts a process 1 of nine instructions and one page of memory, and
// the task is born beside it, by a thread of ours that is in that namespace for the
// moment of the clone. So it stays our child, with an exit status of its own.
//
// # Rules for code that runs in the child
//
// Between clone3 and execve the child runs on the stack and in the memory of a
// Go thread that is stopped in the middle of a system call. So that code
// (fork_linux.go) is nosplit, does not allocate, takes no lock, returns from no
// frame that the parent still needs and calls nothing but raw system calls.
//
// # Processes
//
// A Process holds a pidfd that was checked against the process' start time, so
// a signal can never reach a recycled pid. Exits are watched by the Go network
// poller: no thread and no signal handler per process. The status of a child
// comes from waitid. That of a process which is not our child (the agent
// restarted and adopted it) comes from PIDFD_GET_INFO, or from the caller's
// ExitLookup, which the facade backs with the exit recorder of isolation/bpf.
//
// What this package does not do: it creates no cgroups, unpacks no images and
// sets up no networks; it applies what the Spec says.
package launch
