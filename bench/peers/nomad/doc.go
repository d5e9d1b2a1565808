// Package nomad places tasks with the schedulers of HashiCorp Nomad: evaluations are
// processed by as many workers as there are cores, each on a snapshot of the real state
// store, as the server's workers do, and their plans are checked node by node and
// applied to the store one after the other, as the server's plan applier does.
//
// What a server has beside that is left out: Raft, its log and RPC, the broker of
// evaluations, and the identities that it signs for each allocation.
package nomad
