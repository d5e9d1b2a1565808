// Package agents is "caprock bench agent": what an agent costs its node, against an
// agent that has a helper process for each task.
//
// A real agent process is started twice, one after the other, and this program plays its
// allocator. In the first run it is given command tasks, which the agent starts
// itself. In the second the same commands are the children of helpers: custom executors on
// the v1 executor API that do the least that an executor for one command must (start it,
// wait for it, report, hold a stream to the agent), as Mesos' command executor does.
//
//	this program ── link ──► agent ──► sleep              command tasks
//	this program ── link ──► agent ──► helper ──► sleep   a helper for each task
//
// Measured in both are the time from an order to the TASK_RUNNING that answers it, and once
// all tasks run and nothing happens, the memory and the CPU time of agent and helpers.
// The commands themselves are not counted: they are the same.
//
// The helper is this very program, so that one binary is all there is to ship. Pages
// of the program that helpers share are in their RSS and not in their private memory; both are
// shown, and the truth lies between: see PSS, which deals shared pages out.
package agents
