// Command caprock is the whole product in one program: the allocator service,
// the node agent, a cluster for a laptop, a framework that runs one command, and the
// load harness.
//
//	caprock dev                      an allocator and an agent on this machine
//	caprock run -- sh -c 'echo hi'   one task on a cluster
//	caprock alloc, caprock agent     the two services
//	caprock bench                    load and conformance measurements
//
// The files here only bind command lines to packages: what a command does lives
// in alloc, agent, bench and the other packages of tools.
package main
