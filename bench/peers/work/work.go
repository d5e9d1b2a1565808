package work

import (
	"context"
	"fmt"
)

// What a node has and a task takes. A node holds NodeCPUs / TaskCPUs tasks; memory is
// never what runs out.
const (
	NodeCPUs   = 64
	NodeMemMiB = 256 << 10
	TaskCPUs   = 1
	TaskMemMiB = 1 << 10
	// NodeTasks is how many tasks a node has room for.
	NodeTasks = NodeCPUs / TaskCPUs
)

// Work is a cluster and what is to be placed on it.
type Work struct {
	Nodes       int `json:"nodes"`
	Apps        int `json:"apps"`
	TasksPerApp int `json:"tasks_per_app"`
}

// Tasks is their number.
func (w Work) Tasks() int { return w.Apps * w.TasksPerApp }

// Validate refuses work that cannot be done.
func (w Work) Validate() error {
	switch {
	case w.Nodes < 1 || w.Apps < 1 || w.TasksPerApp < 1:
		return fmt.Errorf("got %d nodes, %d applications of %d tasks, want at least 1 of each", w.Nodes, w.Apps, w.TasksPerApp)
	case w.Tasks() > w.Nodes*NodeTasks:
		return fmt.Errorf("got %d tasks for %d nodes, want at most %d on each", w.Tasks(), w.Nodes, NodeTasks)
	}
	return nil
}

// Node is the name of a node, App that of an application, Task that of one of its
// tasks, unique in the cluster.
func Node(n int) string    { return fmt.Sprintf("node-%d", n) }
func App(a int) string     { return fmt.Sprintf("app-%d", a) }
func Task(a, t int) string { return fmt.Sprintf("app-%d-task-%d", a, t) }

// Placement says on which node each task is: names as above. A system that names its
// tasks itself may use its own.
type Placement map[string]string

// Check holds a placement against the work: every task has a node, every node exists
// and has room for its tasks.
func (w Work) Check(p Placement) error {
	if len(p) != w.Tasks() {
		return fmt.Errorf("got %d tasks placed, want %d", len(p), w.Tasks())
	}
	nodes := make(map[string]int, w.Nodes)
	for n := range w.Nodes {
		nodes[Node(n)] = 0
	}
	for task, node := range p {
		on, ok := nodes[node]
		switch {
		case !ok:
			return fmt.Errorf("task %s is on node %q, which does not exist", task, node)
		case on == NodeTasks:
			return fmt.Errorf("node %s has more than the %d tasks that it has room for", node, NodeTasks)
		}
		nodes[node] = on + 1
	}
	return nil
}

// Place sets a system up with the nodes, starts the watch, gives it the tasks, stops
// the watch when the last one has a node, and says where they are.
type Place func(ctx context.Context, w Work, watch *Watch) (Placement, error)
