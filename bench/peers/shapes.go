package main

import (
	"fmt"

	"github.com/caprock/caprock/bench/peers/work"
)

// shape is work with a name.
type shape struct {
	name string
	work work.Work
}

// fewLarge and manySmall are the numbers of applications that tasks are dealt over.
const fewLarge, manySmall = 10, 1000

// shapes are few large and many small applications on each number of nodes.
func shapes(nodes []int, tasks int) ([]shape, error) {
	var all []shape
	for _, n := range nodes {
		for _, s := range []struct {
			name string
			apps int
		}{{"few large", fewLarge}, {"many small", manySmall}} {
			apps := min(s.apps, tasks)
			w := work.Work{Nodes: n, Apps: apps, TasksPerApp: tasks / apps}
			if err := w.Validate(); err != nil {
				return nil, err
			}
			if w.Tasks() != tasks {
				return nil, fmt.Errorf("got --tasks=%d, want a multiple of the %d applications that they are dealt over", tasks, apps)
			}
			all = append(all, shape{fmt.Sprintf("%s: %d applications of %d tasks on %d nodes", s.name, w.Apps, w.TasksPerApp, w.Nodes), w})
		}
	}
	return all, nil
}
