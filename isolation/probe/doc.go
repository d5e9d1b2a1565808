// Package probe finds out what the running kernel lets us do: which cgroup
// hierarchies are mounted with which controllers, whether a process can be cloned
// straight into a cgroup, what a pidfd tells, whether BPF programs load.
//
// Everything is found by trying or by reading what is mounted, never from a
// version number: kernels are configured and locked down in too many ways. The
// answers do not change while we run, so Host looks once and remembers.
//
// A Report is printable; the agent logs it at start and uses it to say what is
// missing when an isolation the operator asked for cannot be had. The package
// creates nothing that outlives a call.
package probe
