// Package devcluster runs a whole cluster on one machine: one allocator and N
// agents, each a process of its own, watched and restarted if it dies.
//
// `caprock dev` is this package with a command line; the conformance and torture
// runs use it too, so what a newcomer starts is what the tests exercise.
//
// Ownership: Cluster owns its processes and, unless the caller named one, its
// work directory. Stop ends agents first, asking each to kill its tasks and take
// its cgroups away, then the allocator. If the owner of the cluster is killed,
// the kernel tells the children (PR_SET_PDEATHSIG), so nothing outlives it.
package devcluster
