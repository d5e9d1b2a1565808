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
16 port ranges. Every cycle offers everything that is free and all of it is declined. The time of a full cycle is that of deciding,
of sorting the offers by framework, of numbering them and making their records as the allocator service does, and of the bytes
that go into the journal's batch. Allocations are those of deciding. The bare heap, measured in the same process, is what there
would be to do if there were nothing but fair shares of frameworks: it tells how busy the machine was. Rows with
everything refused are cycles in which every framework has refused every agent.

`

const cycleLimits = `
What the service does with the offers beside their records, which is its own tables of them, what readers see and the events for
frameworks, is not in these figures: it takes some 0.5 µs an offer (BenchmarkFullCycle in alloc/core), and took 1.9 µs before
offers were cut from shared pieces of memory.

What limits it: at 50,000 agents a cycle is bound by memory. Profiles of 50,000 × 1,000, in ns an offer, before and after the
steps below, taken one after the other on a busy machine (shares count more than sums):

    before                                          after
     63  fetching the agent's row                    42  one cache line for a row, and its vector
     75  next neediest framework                     42  matches without a branch, no iterator for the first
     14  rules (filters, minima, quota)               9  the first that may and takes all is served at once
     22  writing the offer down: 120 bytes            5  48 bytes; the list is shared by equal offers
     27  what the framework holds on the agent       27
     27  books of framework, role and cluster        15
     49  loop, availability, order of agents         44  a third of it the end of availability
     112 record: id, key, value                      67  a batch for each framework: sort 15, agents' ids 40
     125 its bytes                                    4  12 bytes an offer; resources once for each batch
     514                                            255

Steps that mattered, as CPU time of one part before and after in one run: offers of 48 bytes with a shared list, rows of 64 bytes
and the short way for the first claim: deciding 12.1 → 9.4 ms; matches without a branch, holdings in three places instead
of five: 9.4 → 8.5 ms; batches instead of a record for each offer: records 5.6 → 5.1 ms, bytes 5.3 → 0.2 ms; fetching the agents'
ids ahead, 32 at a time: records 5.1 → 2.7 ms; the short way for agents that somebody refused, whose refusals are fetched ahead
too: deciding with filters of 3 s 28 → 19 ms, and 78 → 62 ms in the rich shape.

What is left is the walk through 50,000 rows and ids in random order, which is the order in which Mesos visits agents, and the
tournament of the frameworks. Agents that all differ get lists of their own, some 250 ns each, and more terms in their batches.
The cycle is sequential by design: its result must not depend on the number of shards.
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
