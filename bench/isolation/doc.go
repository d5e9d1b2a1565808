// Package isolation is "caprock bench isolation": what cgroups, BPF and namespaces
// cost on this machine, and whether the numbers they give are right.
//
// Everything runs in one process against the kernel itself, without an agent: groups
// are made, sampled in three ways, and removed again. Needs root. What is compared
// is compared in one run, one after the other, on the same groups.
package isolation
