package report

const preface = `# Benchmarks

Written by ` + "`caprock bench report`" + ` from the runs in bench/history; edit those or the program, not this
file. All runs were made on a shared virtual machine: 2 cores (AMD EPYC), 24 GiB, Debian 12, Linux 6.18, Go 1.26.
Wall times there swing by up to a factor of two with the neighbours, so CPU times, medians and ratios are
shown. Figures of Mesos are those of its real allocator (1.12, built with -O2), measured on such a machine in
the same shapes.
`

// cycleText takes the run's date.
const cycleText = `
## The allocation cycle

    caprock bench cycle --matrix --json

%s. Agents have cpus:24;mem:4096;disk:4096;ports:[31000-32000]; partial ones run a task of cpus:16;mem:2014;disk:1024 and
16 port ranges. Every cycle offers everything that is free and all of it is declined. The time is that of the cycle,
and of making the record of every offer as the allocator service does: its id, its key, its resources as
messages, and the bytes that go into the journal's batch. What follows the records, which is the
service's own tables of offers and the events for frameworks, is not in these figures.

`

const cycleLimits = `
What limits it: at 50,000 agents a cycle is bound by memory, some 240 ns an offer, of which a third is the
next neediest framework (a tournament tree, compared without branches) and most of the rest the rows of the agent
tables, which are packed in blocks of 64 and fetched ahead. Records take some
110 ns more, most of it memory for ids, keys and values; the resources, their messages and the bytes of those are shared by
all offers that are equal, and found in a table. Agents that all differ get lists of their own, some 250 ns each, and messages
and bytes on top. With its records a cycle of 50,000 × 1,000 empty agents is not a hundred times quicker than Mesos'; the
cycle alone is.
The cycle is sequential by design: its result must
not depend on the number of shards.
`

const callsLimits = `
Every call is on disk before it is answered. Load generator and allocator share the two cores, and other programs used part
of them; CPU per call is the steadier figure. What limits it: of the CPU of a whole task lifecycle a third is HTTP, mostly system
calls, and 15 to 25 % is Pebble, which is given about 16 records for each. Fewer records come first: acknowledgements could
go to agents without an outbox entry, as agents repeat what is not acknowledged.
`

const stormLimits = `
One run. What limits it: after a restart each returning agent sends all of its tasks, and every one is decoded and compared, so
that the agents' return takes longer than the first offer. Memory is some 3.6 KB a task after load; resource lists
and ids are not yet shared when they are read from the journal.
`

const isolationLimits = `
Readings are CPU time of the reader. By BPF the CPU time is a load from shared memory and only memory is read from a file; of
files that are opened for each reading, which is what Mesos does, most is the opening. Launches are from nothing to a
running command with the rights of a task, on an otherwise idle agent, while the two cores are shared. What limits them: each v1 hierarchy costs a directory and a write to its
list of tasks, and namespaces and the init of one page some 0.3 ms more. A context switch of a container costs the two
BPF programs, that of any other process one lookup.
`
