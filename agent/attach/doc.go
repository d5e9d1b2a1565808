// Package attach holds the other end of the standard descriptors of processes that
// people talk to: those on a terminal, and sessions.
//
//	process ── terminal or pipes ── Line ──► stdout and stderr in its sandbox
//	                                  ├────► Listeners (ATTACH_CONTAINER_OUTPUT, sessions)
//	                                  └◄──── one Input  (ATTACH_CONTAINER_INPUT)
//
// Any other process writes straight into the files of its sandbox and costs nothing
// here. A Line costs a goroutine for each of its outputs, and no process.
//
// A listener who does not keep up is cut: the process never waits for one. A
// session is the exception. Its process exists for one connection, so it is held
// back as a program in a terminal is, and prints nothing before that connection
// listens.
//
// When the agent is restarted, pipes and sessions end with it. A terminal lives on,
// as its process holds the master end too (launch.KeepFD): while no agent runs, what
// is printed waits in the kernel's buffer of the terminal, and the process with it
// if that is full; the next agent takes the end back and goes on where the files
// stop. If the process has closed the descriptor, its terminal hangs up with the
// agent.
package attach
