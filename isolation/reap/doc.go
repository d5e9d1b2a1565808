// Package reap keeps the exit statuses of an agent's tasks where BPF cannot: while the agent
// is down somebody has to wait for them.
//
// A status goes to the parent, and the children of a process that dies go to the nearest
// ancestor that asked for them. So there is one between the agent and whoever started it:
//
//	front ──► reaper ──► agent ──► tasks
//
// The front is the process that was started: it passes signals on, and ends as the agent does; if it
// is killed, the agent is too. The reaper outlives both for as long as there are tasks, and
// notes each end that it is the first to learn in a file of its own before the kernel forgets
// it. The next agent, below a front and a reaper of its own, reads those files.
//
// It is three processes of one program in place of one, for each agent and not for each task,
// and only where BPF does not record ends (agent.Options.RecordsExits).
package reap
