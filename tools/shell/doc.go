// Package shell talks to processes in containers, for the commands exec and attach
// of the program: it finds a task through the allocator, and speaks its agent's
// operator API, which the allocator passes on.
package shell
