// Package isolation is the kernel edge as the agent sees it: groups that limit
// what a container may use, processes started inside them, how those ended, and
// what was used. It puts together
//
//	isolation/probe   what this kernel can do
//	isolation/cgroup  limits, kill, OOM, usage from files (v1, v2, hybrid)
//	isolation/bpf     accounting and exit statuses kept by the kernel itself
//	isolation/launch  processes: clone into the groups, rights, exit
//	isolation/quota   disk space by projects of XFS; the agent uses it by itself
//	isolation/reap    exit statuses without BPF, by a process that outlives the agent
//
// # A container's life
//
//	host, _ := isolation.Open(isolation.Options{Root: "caprock", BPFPinDir: "/sys/fs/bpf/caprock"})
//	group, _ := host.Create(containerID, isolation.Limits{CPUMilli: 500, MemBytes: 256 << 20})
//	proc, _ := host.Start(group, isolation.Spec{Path: "/bin/sh", Args: …})
//	// checkpoint containerID, proc.Pid(), proc.StartTicks()
//	status := <-proc.Exited()
//	group.Destroy()
//
// After a restart of the agent: host.Group(containerID), then host.Adopt with
// what was checkpointed. Adopt works for a process that ended meanwhile: its
// status comes from the BPF exit recorder, whose programs and maps are pinned and
// worked on while no agent ran. Groups that List names and nobody knows are
// leftovers; destroy them.
//
// # What is promised
//
//   - A process is in all of its cgroups, and has only the descriptors and rights
//     that its Spec names, before its first instruction.
//   - No process, thread or memory of ours stays with a task, except for the init of
//     a namespace of processes: one page of memory, which never runs.
//   - A signal reaches the process it was meant for or none.
//   - Nothing outside Options.Root of each hierarchy and Options.BPFPinDir is
//     touched. Close leaves all as it is for the next agent; Remove leaves nothing.
//
// Where BPF is refused everything works from cgroup files; Usage.Source says
// which. The status of processes that end while no agent runs is known if the agent ran below a
// reaper (Options.Exits).
package isolation
