// Package drf orders the claimants of a cluster by dominant resource fairness.
//
// A claimant is a role (in the role tree) or a framework (in the flat tree of
// its role). Its dominant share is the largest fraction it holds of any scalar
// resource of the whole cluster, divided by its weight; the claimant with the
// smallest share is served first, ties go to the one that was served less often
// and then to the one whose path sorts first. That is the order of Mesos' DRF
// sorter, with its three quirks: the counter of services never goes down, a
// role with both frameworks and children competes with its children through a
// virtual leaf named ".", and a changed weight reaches an inner node only while
// its path is itself a claimant.
//
// The package holds
//
//   - Names: scalar resource names as dense dimensions, so that quantities are
//     plain []int64 vectors in milli-units;
//   - Tree: the claimants, with a winner (tournament) tree over the children of
//     every inner node. Asking for the neediest claimant costs O(1) and charging
//     it O(depth × log children); nothing is ever sorted;
//   - Iter: the claimants in order, lazily, over a frozen Tree;
//   - Shuffle: the weighted random order that stands in for fairness when the
//     random sorter is configured.
//
// The Tree is frozen between two calls of Refresh: Charge and Discharge change
// the books at once but the order only at the next Refresh. The allocation
// cycle depends on this, since Mesos decides on one order for each agent and
// keeps to it until it is done with the agent.
//
// Nothing here reads a clock, starts a goroutine or walks a Go map where the
// order of the walk could be seen.
package drf
