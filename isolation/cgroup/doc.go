// Package cgroup makes, limits, reads, kills and removes the control groups of
// containers, on whatever hierarchies the host has.
//
// A Tree is our own directory, of the same name in every hierarchy in use; each
// container has a Group in it, again one directory of the same name per
// hierarchy. Which hierarchy a controller is on is decided once, when the Tree is
// opened (see layout in tree.go):
//
//   - v2 whole: one directory holds everything.
//   - hybrid: limits live in the v1 directories; a leaf in the unified hierarchy
//     serves for cloning into, freezing, killing, events, and as the key of BPF
//     accounting. No controller of the unified hierarchy is ever enabled there.
//   - v1 whole: the freezer plays the part of that leaf.
//
// A Tree touches nothing outside its own directories. Two trees with different
// names know nothing of each other.
//
// # Who owns what
//
// One watcher goroutine per Tree waits for kernel events (watch.go): OOM by
// v1 eventfd or v2 memory.events, emptiness by cgroup.events. A Group keeps at
// most three descriptors open, and three more where memory events are counted. Group methods may be called concurrently;
// Group.mu guards what changes.
//
// What this package does not do: it starts no processes and makes no policy. It
// reports an OOM; who is killed for it, beyond what the kernel does, is the
// caller's decision.
package cgroup
