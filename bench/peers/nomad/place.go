package nomad

import (
	"context"
	"fmt"
	"runtime"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/nomad/client/lib/idset"
	"github.com/hashicorp/nomad/client/lib/numalib"
	"github.com/hashicorp/nomad/client/lib/numalib/hw"
	"github.com/hashicorp/nomad/helper/uuid"
	"github.com/hashicorp/nomad/nomad/state"
	"github.com/hashicorp/nomad/nomad/structs"

	"github.com/caprock/caprock/bench/peers/work"
)

// Nomad's jobs ask for MHz. Nodes have few fast cores, as in Nomad's own benchmarks: what they hold
// is the same, and with a core for each CPU the service scheduler takes three times as long, most of it
// for sets of the numbers of cores.
const (
	taskMHz = work.TaskCPUs * 1000
	cores   = 4
	coreMHz = work.NodeCPUs * 1000 / cores
)

// Service is work.Place with the service scheduler, which looks at some log2 of the
// nodes for each task.
func Service(ctx context.Context, w work.Work, watch *work.Watch) (work.Placement, error) {
	return place(ctx, w, watch, structs.JobTypeService)
}

// Batch is work.Place with the batch scheduler, which looks at two nodes for each task.
func Batch(ctx context.Context, w work.Work, watch *work.Watch) (work.Placement, error) {
	return place(ctx, w, watch, structs.JobTypeBatch)
}

func place(ctx context.Context, w work.Work, watch *work.Watch, kind string) (work.Placement, error) {
	store, err := state.NewStateStore(&state.StateStoreConfig{Logger: hclog.NewNullLogger(), Region: "global",
		JobTrackedVersions: structs.JobDefaultTrackedVersions})
	if err != nil {
		return nil, fmt.Errorf("making Nomad's state store: %w", err)
	}
	s := &server{store: store, evals: make(chan *structs.Evaluation, 2*w.Apps)}
	top := topology()
	for n := range w.Nodes {
		if err := store.UpsertNode(structs.NodeRegisterRequestType, s.next(), node(n, top)); err != nil {
			return nil, fmt.Errorf("giving Nomad its nodes: %w", err)
		}
	}
	var evals []*structs.Evaluation
	for a := range w.Apps {
		j := job(w, a, kind)
		if err := store.UpsertJob(structs.JobRegisterRequestType, s.next(), nil, j); err != nil {
			return nil, fmt.Errorf("giving Nomad its jobs: %w", err)
		}
		evals = append(evals, evaluation(j))
	}
	if err := store.UpsertEvals(structs.EvalUpdateRequestType, s.next(), evals); err != nil {
		return nil, fmt.Errorf("giving Nomad its evaluations: %w", err)
	}

	watch.Start()
	if err := s.process(ctx, evals, runtime.GOMAXPROCS(0)); err != nil {
		return nil, err
	}
	watch.Stop()
	return s.placement()
}

// topology is that of all nodes: cores of one socket.
func topology() *numalib.Topology {
	t := &numalib.Topology{Distances: numalib.SLIT{[]numalib.Cost{10}}, Cores: make([]numalib.Core, cores)}
	for i := range t.Cores {
		t.Cores[i] = numalib.Core{ID: hw.CoreID(i), Grade: numalib.Performance, BaseSpeed: coreMHz}
	}
	t.SetNodes(idset.From[hw.NodeID]([]hw.NodeID{0}))
	return t
}

func node(n int, top *numalib.Topology) *structs.Node {
	name := work.Node(n)
	it := &structs.Node{
		ID: uuid.Generate(), SecretID: uuid.Generate(), Name: name, Datacenter: "dc1", NodePool: structs.NodePoolDefault,
		Status: structs.NodeStatusReady, SchedulingEligibility: structs.NodeSchedulingEligible,
		Attributes: map[string]string{"kernel.name": "linux", "driver.exec": "1", "nomad.version": "1.10.4"},
		Drivers:    map[string]*structs.DriverInfo{"exec": {Detected: true, Healthy: true}},
		NodeResources: &structs.NodeResources{
			Processors: structs.NewNodeProcessorResources(top),
			Memory:     structs.NodeMemoryResources{MemoryMB: work.NodeMemMiB},
			Disk:       structs.NodeDiskResources{DiskMB: 1 << 20},
			// Tasks ask for no ports, but a node without a network takes none.
			Networks: structs.Networks{{Mode: "host", Device: "eth0", CIDR: "192.168.0.100/32", IP: "192.168.0.100", MBits: 1000}},
		},
		ReservedResources: &structs.NodeReservedResources{},
	}
	it.NodeResources.Compatibility()
	if err := it.ComputeClass(); err != nil {
		panic("BUG: a node of plain strings has no class: " + err.Error())
	}
	return it
}

func job(w work.Work, app int, kind string) *structs.Job {
	name := work.App(app)
	j := &structs.Job{
		Region: "global", Namespace: structs.DefaultNamespace, NodePool: structs.NodePoolDefault,
		ID: name, Name: name, Type: kind, Priority: structs.JobDefaultPriority, Datacenters: []string{"dc1"},
		Status: structs.JobStatusPending,
		TaskGroups: []*structs.TaskGroup{{
			Name: "tasks", Count: w.TasksPerApp,
			EphemeralDisk: &structs.EphemeralDisk{SizeMB: 10},
			Tasks: []*structs.Task{{
				Name: "task", Driver: "exec", Config: map[string]any{"command": "task"},
				Resources: &structs.Resources{CPU: taskMHz, MemoryMB: work.TaskMemMiB},
				LogConfig: &structs.LogConfig{MaxFiles: 1, MaxFileSizeMB: 1},
			}},
		}},
	}
	j.Canonicalize()
	return j
}
