// Package history reads histories of an allocator and plays them against
// alloc/cycle. A history is commands, as a master gives them to its allocator,
// and after each command what the allocator decided. The files under
// alloc/cycle/testdata/histories were recorded from Apache Mesos 1.12; replaying
// them is how the allocation rules are known to be the same.
//
// # Format
//
// A line is "# key: text" (scenario, rule, compare), a command, or "> " and one
// answer as JSON to the command above it. A command is a verb, positional words
// and key=value words; resources are in the form of wire/resource/notation.
// With "compare: exact" answers must be equal line by line: offers sorted by
// framework, role and agent and named o1, o2, … over the whole file, then
// inverse offers i1, i2, …. With "compare: counts" many agents are equal and
// their order is random, so only the number of offers and the sum of scalars
// per framework and role are given, and commands speak of the first N offers.
//
// Histories of ours, in testdata, have two headers more: "agents: by slot" visits
// agents in the order of their slots, and "quota: subtree" lets quotas bind subtrees.
// A word or verb that is not known is an error with its line.
//
// The clock moves only by "tick" (in steps of one second) and "jump". After every
// command and step the allocator runs its cycle.
package history
