// Package perf counts the kernel's performance events of containers: cycles,
// instructions, cache misses, faults and the like, under the names that perf and
// Mesos have for them.
//
//	event.go   the names, and what the kernel calls them
//	sample.go  counting for a while, for many cgroups at once
//
// An event is counted for each cgroup on each CPU, so that a sample takes as many
// descriptors as the product of the three; they are open while it lasts, and bounded. Where
// the machine has fewer counters than events the kernel takes turns, and what was
// counted is scaled to the whole time.
//
// Which events a machine has is found by opening them. Virtual machines often have
// none of the hardware's; those of the kernel itself are always there.
package perf
