// Command torture kills the allocator and the agents of a cluster, again and
// again and under load, and checks that nothing accepted is lost and nothing runs twice.
//
//	go run ./tools/torture --kills=20
//
// It starts a cluster (package devcluster), launches short tasks through the
// scheduler API without pause, and sends SIGKILL to the allocator and to the agents in turn at
// random moments. Every task notes its own start in a file that outlives all
// processes, so what ran is known independently of what Caprock says. At the end
// the ledger is settled:
//
//   - lost: an ACCEPT was answered 202 and the task has no end, or it had begun
//     and did not finish, or it is said to have finished and never began;
//   - doubled: a task began more than once.
//
// With --live the agents alone are killed. They keep that many tasks of all kinds
// alive: commands, commands with checks, groups, tasks of custom executors (which
// this program is, too) and tasks on volumes, which are destroyed afterwards. When all
// have ended, whatever is there of them is left over: processes, cgroups, mounts,
// directories of volumes.
//
// A process of the cluster that panicked fails the run too, although it is started again.
//
// A task that never began and was reported as dropped, lost or invalid is
// neither: its framework knows and can launch it again.
package main
