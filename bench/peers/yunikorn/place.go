package yunikorn

import (
	"context"
	"fmt"
	"sync"

	"github.com/apache/yunikorn-core/pkg/entrypoint"
	"github.com/apache/yunikorn-core/pkg/log"
	"github.com/apache/yunikorn-scheduler-interface/lib/go/si"
	"go.uber.org/zap"

	"github.com/caprock/caprock/bench/peers/work"
)

const manager = "caprock-bench"

// queues is the configuration: one queue without limits.
const queues = `
partitions:
  - name: default
    queues:
      - name: root
        submitacl: "*"
        queues:
          - name: tasks
`

var quiet = sync.OnceFunc(func() {
	level := zap.NewAtomicLevelAt(zap.ErrorLevel)
	log.InitializeLogger(zap.NewNop(), &zap.Config{Level: level})
})

// Place is work.Place with YuniKorn.
func Place(ctx context.Context, w work.Work, watch *work.Watch) (work.Placement, error) {
	quiet()
	services := entrypoint.StartAllServicesWithParams(false, false)
	defer services.StopAll()
	core, told := services.RMProxy, newCallback(w)
	if _, err := core.RegisterResourceManager(&si.RegisterResourceManagerRequest{
		RmID: manager, PolicyGroup: "queues", Version: "1", Config: queues,
	}, told); err != nil {
		return nil, fmt.Errorf("registering with YuniKorn: %w", err)
	}
	if err := core.UpdateNode(&si.NodeRequest{RmID: manager, Nodes: nodes(w)}); err != nil {
		return nil, fmt.Errorf("giving YuniKorn its nodes: %w", err)
	}
	if err := told.wait(ctx, told.nodesIn); err != nil {
		return nil, err
	}
	if err := core.UpdateApplication(&si.ApplicationRequest{RmID: manager, New: applications(w)}); err != nil {
		return nil, fmt.Errorf("giving YuniKorn its applications: %w", err)
	}
	if err := told.wait(ctx, told.appsIn); err != nil {
		return nil, err
	}
	asks := make([][]*si.Allocation, w.Apps)
	for a := range asks {
		asks[a] = asksOf(w, a)
	}

	watch.Start()
	for _, of := range asks {
		if err := core.UpdateAllocation(&si.AllocationRequest{RmID: manager, Allocations: of}); err != nil {
			return nil, fmt.Errorf("asking YuniKorn for nodes: %w", err)
		}
	}
	if err := told.wait(ctx, told.tasksIn); err != nil {
		return nil, err
	}
	watch.Stop()
	return told.placement(), nil
}

func nodes(w work.Work) []*si.NodeInfo {
	all := make([]*si.NodeInfo, w.Nodes)
	for n := range all {
		all[n] = &si.NodeInfo{NodeID: work.Node(n), Action: si.NodeInfo_CREATE,
			SchedulableResource: resources(work.NodeCPUs, work.NodeMemMiB)}
	}
	return all
}

func applications(w work.Work) []*si.AddApplicationRequest {
	all := make([]*si.AddApplicationRequest, w.Apps)
	for a := range all {
		all[a] = &si.AddApplicationRequest{ApplicationID: work.App(a), QueueName: "root.tasks",
			Ugi: &si.UserGroupInformation{User: "bench", Groups: []string{"bench"}}}
	}
	return all
}

func asksOf(w work.Work, app int) []*si.Allocation {
	all := make([]*si.Allocation, w.TasksPerApp)
	for t := range all {
		all[t] = &si.Allocation{AllocationKey: work.Task(app, t), ApplicationID: work.App(app),
			ResourcePerAlloc: resources(work.TaskCPUs, work.TaskMemMiB)}
	}
	return all
}

// resources are as the Kubernetes shim gives them: thousandths of a CPU, and bytes.
func resources(cpus, memMiB int64) *si.Resource {
	return &si.Resource{Resources: map[string]*si.Quantity{
		"vcore": {Value: cpus * 1000}, "memory": {Value: memMiB << 20}}}
}
