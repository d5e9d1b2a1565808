package report

const preface = `# Benchmarks

Written by ` + "`caprock bench report`" + ` from the runs in bench/history; edit those or the program, not this
file. All runs were made on a shared virtual machine: 2 cores (AMD EPYC), 24 GiB, Debian 12, Linux 6.18, Go 1.26.
Wall times there swing by up to a factor of two with the neighbours, so CPU times, medians and ratios are
shown. Figures of Mesos are those of its real allocator (1.12, built with -O2), measured on such a machine in
the same shapes.
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
with every call on disk before it is answered, and its load generator beside it, whose CPU time is counted too.

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
What limits the durable rows is told under scheduler calls: each ACCEPT has its request, its answer and its part of a batch. Frameworks
wait for each answer before they call again, so with ten of them and one task an ACCEPT at most ten tasks share a write to the
disk; that row is slower than a peer that only remembers. In the row "in flight" they send several ACCEPTs before they read the first
answer, as Mesos' own scheduler library does: more tasks share a write, at less CPU time for each. With a thousand
applications of ten tasks there is nothing to gain by it.
`
