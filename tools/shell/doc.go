// Package shell talks to processes in containers, for the commands exec and attach
// of the program: it finds a task and its agent through the allocator, and speaks
// the agent's operator API, which must be reachable from here.
package shell
