package agents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// sleepLine is the command of every task.
const sleepLine = "exec sleep 100000"

// Latency is a distribution.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// Row is what one way to run tasks costs.
type Row struct {
	Way   string `json:"way"`
	Tasks int    `json:"tasks"`
	// Idle is the agent before its first task; Agent and Helpers are with all tasks running.
	Idle    Memory `json:"idle"`
	Agent   Memory `json:"agent"`
	Helpers Memory `json:"helpers"`
	// PerTask is what a task adds, in bytes: to the agent's own memory, and its helper's PSS. How much of
	// the program the agent has mapped comes and goes, and is left out.
	PerTask float64 `json:"per_task_bytes"`
	// AgentCPU and HelpersCPU are seconds of CPU time a second while nothing happens.
	AgentCPU   float64 `json:"agent_cpu"`
	HelpersCPU float64 `json:"helpers_cpu"`
	// Launch is from an order to TASK_RUNNING; LaunchCPU is CPU time of agent and helpers for
	// one launch, in seconds, without that of processes that have ended.
	Launch    Latency `json:"launch"`
	LaunchCPU float64 `json:"launch_cpu_s"`
	Seconds   float64 `json:"seconds"`
}

// way is how commands are run.
type way struct {
	name  string
	order func(binary string, number int) *link.Launch
	// helps is whether the agent's children are helpers.
	helps bool
}

var ways = []way{
	{name: "the agent", order: commandTask},
	{name: "a helper each", order: helpedTask, helps: true},
}

// Run measures both ways, one after the other.
func Run(ctx context.Context, o Options, progress *world.Progress) ([]Row, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's own path: %w", err)
	}
	dir, err := os.MkdirTemp(o.Dir, "caprock-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // sandboxes below may belong to others
		return nil, err
	}
	var rows []Row
	for i, w := range ways {
		r := &run{o: o, way: w, binary: binary, progress: progress, row: Row{Way: w.name, Tasks: o.Tasks}}
		if err := r.all(ctx, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return nil, fmt.Errorf("tasks run by %s: %w", w.name, err)
		}
		rows = append(rows, r.row)
	}
	return rows, nil
}

// run is one way under way.
type run struct {
	o        Options
	way      way
	binary   string
	progress *world.Progress
	desk     *desk
	agent    *process
	row      Row
}

func (r *run) all(ctx context.Context, dir string) (err error) {
	if r.desk, err = newDesk(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.desk.close()) }()
	if r.agent, err = startAgent(r.binary, r.desk.url, dir, r.o.Flags); err != nil {
		return err
	}
	defer func() {
		r.progress.Show("%s: ending %d tasks", r.way.name, r.o.Tasks)
		go r.drain()
		err = errors.Join(err, r.agent.leave())
	}()
	select {
	case <-r.desk.registered:
	case <-r.agent.ended:
		return errors.New("the agent ended before it registered")
	case <-time.After(patience):
		return fmt.Errorf("the agent did not register within %v", patience)
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	if r.row.Idle, err = memoryOf(r.pid()); err != nil {
		return err
	}
	if err := r.launches(ctx); err != nil {
		return err
	}
	return r.idle(ctx)
}

// drain takes updates that nobody waits for any more.
func (r *run) drain() {
	for {
		select {
		case <-r.desk.updates:
		case <-r.agent.ended:
			return
		}
	}
}

func (r *run) pid() int { return r.agent.cmd.Process.Pid }

func (r *run) rest(ctx context.Context) error {
	r.progress.Show("%s: at rest", r.way.name)
	return pause(ctx, r.o.Settle)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launches starts the tasks, one after the other.
func (r *run) launches(ctx context.Context) error {
	var h world.Histogram
	before, err := r.cpu(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range r.o.Tasks {
		r.progress.ShowPart(float64(i)/float64(r.o.Tasks), "%s: %d of %d tasks run", r.way.name, i, r.o.Tasks)
		took, err := r.desk.launch(ctx, r.agent.ended, r.way.order(r.binary, i))
		if err != nil {
			return err
		}
		h.Record(took)
	}
	r.row.Seconds = time.Since(began).Seconds()
	r.row.Launch = Latency{h.Quantile(.5), h.Quantile(.99), h.Max()}
	after, err := r.cpu(ctx)
	r.row.LaunchCPU = (after[0] + after[1] - before[0] - before[1]) / float64(r.o.Tasks)
	return err
}

// helpers lists them; the agent's other children are tasks.
func (r *run) helpers(ctx context.Context) ([]int, error) {
	if !r.way.helps {
		return nil, nil
	}
	return childrenOf(ctx, r.pid())
}

// cpu is that of agent and helpers so far, in seconds.
func (r *run) cpu(ctx context.Context) (sum [2]float64, err error) {
	if sum[0], err = cpuOf(r.pid()); err != nil {
		return sum, err
	}
	helpers, err := r.helpers(ctx)
	for _, pid := range helpers {
		n, e := cpuOf(pid)
		sum[1], err = sum[1]+n, errors.Join(err, e)
	}
	return sum, err
}

// idle measures agent and helpers while all tasks run and nothing happens.
func (r *run) idle(ctx context.Context) error {
	if err := r.rest(ctx); err != nil {
		return err
	}
	before, err := r.cpu(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, r.o.Window); err != nil {
		return err
	}
	after, err := r.cpu(ctx)
	if err != nil {
		return err
	}
	window := time.Since(began).Seconds()
	r.row.AgentCPU, r.row.HelpersCPU = (after[0]-before[0])/window, (after[1]-before[1])/window
	if r.row.Agent, err = memoryOf(r.pid()); err != nil {
		return err
	}
	helpers, err := r.helpers(ctx)
	if err != nil {
		return err
	}
	if r.way.helps && len(helpers) != r.o.Tasks {
		return fmt.Errorf("got %d helpers, want one for each of %d tasks", len(helpers), r.o.Tasks)
	}
	for _, pid := range helpers {
		m, err := memoryOf(pid)
		if err != nil {
			return err
		}
		r.row.Helpers.add(m)
	}
	r.row.PerTask = float64(r.row.Agent.Anonymous+r.row.Helpers.PSS-r.row.Idle.Anonymous) / float64(r.o.Tasks)
	return nil
}

var framework = &mesos.FrameworkInfo{
	User: proto.String("root"), Name: proto.String("bench"), Id: &mesos.FrameworkID{Value: proto.String("bench-F0")},
	Checkpoint: proto.Bool(true), Roles: []string{"*"},
}

func scalar(name string, v float64) *mesos.Resource {
	return &mesos.Resource{
		Name: &name, Type: mesos.Value_SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: &v},
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: proto.String("*")},
	}
}

func task(number int) *mesos.TaskInfo {
	return &mesos.TaskInfo{
		Name: proto.String("sleep"), TaskId: &mesos.TaskID{Value: proto.String(fmt.Sprintf("t%05d", number))},
		AgentId:   &mesos.AgentID{Value: proto.String(agentID)},
		Resources: []*mesos.Resource{scalar("cpus", .1), scalar("mem", 64)},
	}
}

func commandTask(_ string, number int) *link.Launch {
	t := task(number)
	t.Command = &mesos.CommandInfo{Value: proto.String(sleepLine)}
	return &link.Launch{Framework: framework, Tasks: []*mesos.TaskInfo{t}}
}

func helpedTask(binary string, number int) *link.Launch {
	t := task(number)
	t.Data = []byte(sleepLine)
	t.Executor = &mesos.ExecutorInfo{
		Type: mesos.ExecutorInfo_CUSTOM.Enum(), ExecutorId: &mesos.ExecutorID{Value: proto.String(fmt.Sprintf("e%05d", number))},
		FrameworkId: framework.Id,
		Command: &mesos.CommandInfo{Shell: proto.Bool(false), Value: &binary,
			Arguments: []string{binary, "bench", "agent", "helper"}},
		// What Mesos adds for its command executor.
		Resources: []*mesos.Resource{scalar("cpus", .1), scalar("mem", 32)},
	}
	return &link.Launch{Framework: framework, Tasks: []*mesos.TaskInfo{t}, Executor: t.Executor, LaunchExecutor: proto.Bool(true)}
}
