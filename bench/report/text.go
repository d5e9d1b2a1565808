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
Every call that changes something is on disk before it is answered; an acknowledgement that ends nothing waits for what was
decided before it. Load generator and allocator share the two cores, and other programs used part of them; CPU per call is the
steadier figure. Frameworks send acknowledgements without waiting for each answer, as Mesos' own scheduler library does, and
accept with as many tasks as an offer has room for.

What limits it: the CPU of the two cores, of which the load generator takes a quarter. Of the allocator's part of a task's life a
quarter is deciding, a fifth Pebble, most of it flushes and compactions of records that live for seconds (a task's life is some ten
records: three states, two of its end, the oldest completed task of the framework, and its share of offer, order and outbox),
an eighth HTTP, a tenth collections. Single ACCEPTs cost six times as much per task as those of a hundred: each has its
own request, answer, offer and entry in an outbox. The tail of single ACCEPTs at a steady
rate is the same with the store on a memory file system and with collections turned off; what is left is waiting for a core, which
has not been shown. At 1,000 agents p99 is 4.9 ms in protobuf and 5.8 ms in JSON; the aim is 5 ms, at any number.
`

const stormLimits = `
One run. Memory at rest is some 1 KB a task and 2 KB an agent, offers included, and at most 15 % of garbage on top: in heaps this large
collections take a sixth of the CPU while tasks are launched. Equal lists of resources, ids and names are kept once; half of what
a task takes are its two messages with a pointer for each field. Heartbeats are one ping and answer every 15 s.

What limits it: a start reads every record, and decodes and indexes tasks at some 4 µs each on either core; first offers
follow the first agents. Each returning agent sends all of its tasks, and every one is decoded and compared, so that the agents'
return takes longer than the first offer, and frameworks that subscribe wait in line with them.
`

const launchLimits = `
Launch is the time from a probe's ACCEPT to its TASK_RUNNING, as the framework sees both, while the fleet is full; agents are
simulated, so that no process is started. The paper of Mesos (NSDI 2011) shows it below 1 s up to 50,000 agents, on machines
of their own. What limits it: an ACCEPT waits for the batch that is being written and for its own, and TASK_RUNNING for one more;
all of them wait for a cycle that is under way. A REVIVE asks for a cycle over the whole fleet, in which every full agent is
offered in vain to one framework after the other, since disk and ports are left of it: that is most of the wait, and of the CPU time.
`

const fleetLimits = `
Every kind is a role of weight 1. The dominant share is the larger of a role's parts of all CPUs and of all memory, counted from
tasks that run. Roles that always want more should have equal shares; services stop when they have what they want,
decliners want nothing, and who answers late or takes only some agents holds offers, not tasks, for part of the time.
`

const fanoutLimits = `
Latency is from the moment before an ACCEPT is sent to the moment a subscriber has the task's TASK_ADDED. Each event is encoded
once for all. What limits it: a write for each subscriber and batch, and a read on the other side, which shares the machine. Those
who do not read are cut once 4 MiB wait for them or a send takes 5 s; nobody waits for them.
`

const stateLimits = `
ACCEPTs are due at even intervals and their latency counts from then. Phases with and without readers take turns on the same
allocator, so that both see the same machine. What limits it: readers are given copies of what they read and never hold up
the loop, but they take CPU time from it, which on two cores shows where nothing else waits.
`

const isolationLimits = `
Readings are CPU time of the reader. By BPF the CPU time is a load from shared memory and only memory is read from a file; of
files that are opened for each reading, which is what Mesos does, most is the opening. Launches are from nothing to a
running command with the rights of a task, on an otherwise idle agent, while the two cores are shared. What limits them: each v1 hierarchy costs a directory and a write to its
list of tasks, and namespaces and the init of one page some 0.3 ms more. A context switch of a container costs the two
BPF programs, that of any other process one lookup.
`

const agentLimits = `
Both ways are measured in one run, one after the other. Memory is that of the agent and of helpers; the commands themselves are the
same and not counted. Anonymous memory is what a process has for itself, PSS deals the pages out that helpers share. A
launch is from the order on the link to TASK_RUNNING on it, with TASK_STARTING acknowledged in between. The CPU time of a launch is that of agent
and helpers, without the part of the child before it has become the command. What limits it: a launch waits for the checkpoint of the
order and for one of each update, and for the kernel to make the task's cgroups. The helper is a Go program of the size of caprock, reduced to what
an executor of one command must do; Mesos' own, in C++, takes tens of MB for each task.
`

const peersLimits = `
Time runs from the moment at which tasks are given to an idle system that knows its nodes until each has a node with room,
which is checked. That result is the same for all; the work is not, so these are tasks placed, not the speed of allocators.
kube-scheduler, YuniKorn and Nomad choose a node for each task. Caprock chooses a framework for what each node has free, and
the frameworks, which are part of the row, choose from what they are offered: either they put as many tasks on an offer as it
has room for, or one task for each ACCEPT, as a scheduler that looks at tasks one by one would. Rows in process write nothing
to a disk and cross no network, like the peers', and are the ones to hold against them. Durable rows are a real allocator process
with every call on disk before it is answered, and its load generator beside it.

What is left out favours the peers: kube-scheduler has no API server, its pods wait in its queue before it starts, and
events are dropped; Nomad has no Raft, RPC and signed identities, as many workers as there are cores, and nodes
of four fast cores (with a core for each CPU its service scheduler takes three times as long); YuniKorn takes applications first come
first served, the order in which it is fastest, and its callbacks do nothing but count.

What limits them, by profiles of 10,000 tasks on 1,000 nodes: kube-scheduler filters and scores a part of the nodes for each pod
with all of its default plugins, which is half of the CPU time, and collecting its garbage another quarter.
YuniKorn tries the nodes in order, which is short while they have room, and looks through an application's asks after each placement; with
many applications four fifths of the time go into sorting all of them again for each placement. Nomad adds
up what a node has and what its allocations take, anew for each node that it looks at: two of them for a batch job, some log2 of all for a
service; for batch jobs checking plans and applying them to the store takes as long as that. In Caprock in process three fifths of the time
are ACCEPTs, checking tasks and making their records, and a quarter is collecting garbage; with one task an ACCEPT a fifth goes into
taking back the rest of each offer.
What limits the durable rows is told under scheduler calls: each ACCEPT has its request, its answer and its part of a batch.
`
