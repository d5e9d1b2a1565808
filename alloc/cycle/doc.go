// Package cycle is the allocator: it decides which framework is offered what of
// which agent. It knows agents, frameworks, roles and what is held where; it
// does not know tasks, connections or why something is held.
//
// # Use
//
// The verbs are those of Mesos' allocator. A caller adds agents and frameworks,
// reports what happens to resources (RecoverResources, UpdateAllocation,
// TransitionOfferedToAllocated, …) and calls RunCycle, which returns offers.
// Resources that go in or out carry the role that they are allocated to. Calls
// that contradict what the allocator knows have no effect and return a
// *MisuseError.
//
// The package is pure: the time is an argument, there is no I/O, no goroutine
// and no map iteration that could be seen. The same calls with the same Seed
// give the same offers, whatever the number of shards, and a Snapshot restored
// elsewhere goes on as the original would.
//
// # How a cycle works
//
// Claims (a framework in a role) compete for agents. For each candidate agent,
// in random order, the first stage serves roles whose quota guarantee is not
// met, the second stage everybody, neediest first; each claim is offered all
// that it may have of what is left, which is usually everything, so that one
// look decides. Three things keep the work near one step per offer:
//
//   - Who may be offered an agent at all is a bitset over claims: those that suit
//     the agent's class (capabilities, region, offer constraints; see class.go) less
//     those that are barred from the agent (refusals, host name constraints; see
//     filter.go).
//   - Who is neediest comes from winner trees (alloc/drf), which are brought up to
//     date along one path per offer.
//   - Agents that nobody could use in the last cycle are not looked at again until
//     something changes for them (Shard.Idle), and those that have less than every
//     minimum, as all of a full fleet do, not until they have more (Shard.Scant).
//
// What differs from one agent to the next beyond plain scalars and ranges, such as
// reservations, revocable resources, volumes and special disks, takes the path
// of complex.go, which is Mesos' text as is.
//
// # Reading order
//
// options.go, allocator.go, framework.go, agent.go, available.go: the state and
// its verbs. claim.go, role.go, holding.go, books.go: who holds what, and the
// sums that fairness and quota are made of. run.go, serve.go, complex.go: the
// cycle. explain.go: why not.
package cycle
