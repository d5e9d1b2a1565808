package main

// Where figures come from that no run measures.
const (
	ourMesos = "apache/mesos c1b42f79, built with -O2, 2026-11-20, 2 cores (AMD EPYC), 24 GiB"
	mesosCPU = "CPU s of a cycle that offers all agents"
)

// recorded are figures to have beside those of a run. They were not measured in it, and
// those that others published not even on such a machine.
var recorded = []row{
	{Kind: "recorded", System: "Mesos master, one scheduler, nothing durable", Unit: "tasks/s", Value: 4760, Source: ourMesos,
		Shape: "ACCEPTs of 5 to 10 tasks one after the other, 10,000 tasks on 1,000 simulated agents"},
	{Kind: "recorded", System: "Mesos master, one scheduler, nothing durable", Unit: "tasks/s", Value: 4773, Source: ourMesos,
		Shape: "ACCEPTs of 5 to 10 tasks one after the other, 50,000 tasks on 5,000 simulated agents"},
	{Kind: "recorded", System: "Mesos allocator alone, which places no tasks", Unit: mesosCPU, Value: 0.06, Source: ourMesos,
		Shape: "1,000 agents, 1,000 frameworks in one role"},
	{Kind: "recorded", System: "Mesos allocator alone, which places no tasks", Unit: mesosCPU, Value: 0.14, Source: ourMesos,
		Shape: "5,000 agents, 1,000 frameworks in one role"},
	{Kind: "recorded", System: "Mesos allocator alone, which places no tasks", Unit: mesosCPU, Value: 1.53, Source: ourMesos,
		Shape: "50,000 agents, 1,000 frameworks in one role"},
	{Kind: "published", System: "Hydra", Unit: "tasks/s", Value: 40000, Source: "NSDI 2019",
		Shape: "containers allocated in each sub-cluster of 50,000 nodes, more than this"},
	{Kind: "published", System: "Gödel", Unit: "tasks/s", Value: 5000, Source: "SoCC 2023", Shape: "pods"},
	{Kind: "published", System: "Nomad", Unit: "tasks/s", Value: 3750, Source: "C1M challenge", Shape: "containers, a million in all"},
	{Kind: "published", System: "Nomad", Unit: "tasks/s", Value: 1500, Source: "C2M challenge", Shape: "containers, two million in all, about this"},
	{Kind: "published", System: "kube-scheduler", Unit: "tasks/s", Value: 1147, Source: "Kubernetes' own benchmark", Shape: "pods"},
	{Kind: "published", System: "Kubernetes of GKE", Unit: "tasks/s", Value: 1000, Source: "GKE at 130,000 nodes", Shape: "pods, 130,000 nodes"},
}
