// Package runner carries out what agent/core decides about processes: it makes the
// sandbox, fetches into it, starts the process in its container, watches it to its
// end, limits, signals and removes it.
//
//	core.Launch ─► sandbox ─► fetch ─► Kernel.Start ─► core.Started … core.Exited
//
// Every effect returns at once; what takes time runs on a goroutine of its own, and
// what comes of it goes back to the core as a command. One goroutine per live
// process waits for its end, which is all the memory that an idle task costs here.
//
// Processes that people talk to have a line to the agent (agent/attach) instead of
// the plain files of their sandbox.
//
// Kernel is the machine underneath: cgroups where the agent may use them (and then
// exit statuses and CPU time are kept by the kernel while no agent runs), plain
// sessions where it may not, as for a user who tries things out without root.
package runner
