package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/devcluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// plan is what the command line asks for.
type plan struct {
	kills, agents int
	live          int
	seed          uint64
	agentFlags    []string
	verbose       bool
}

func command() *cobra.Command {
	var p plan
	cmd := &cobra.Command{
		Use:           "torture",
		Short:         "Kill allocator and agents under load; report what was lost or doubled",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.IntVar(&p.kills, "kills", 20, "how often the allocator is killed, and how often an agent is")
	f.IntVar(&p.live, "live", 0, "keep this many tasks of all kinds alive and kill agents only; 0: many short commands, and the allocator is killed too")
	f.IntVar(&p.agents, "agents", 2, "how many agents the cluster has")
	f.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano()), "decides the moments of the kills and the lengths of the tasks")
	f.StringSliceVar(&p.agentFlags, "agent-flags", nil, "`flags` of the agents, such as --reaper=always")
	f.BoolVar(&p.verbose, "verbose", false, "show what the cluster logs")
	cmd.AddCommand(&cobra.Command{
		Use: "executor FILE", Hidden: true, Args: cobra.ExactArgs(1), Short: "Be the custom executor of the tasks",
		RunE: func(_ *cobra.Command, args []string) error { return runExecutor(args[0]) },
	})
	return cmd
}

func (p plan) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "caprock-torture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Tasks reach their sandboxes and the file that they note their starts in.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	binary := filepath.Join(dir, "caprock")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./tools/caprock").CombinedOutput(); err != nil {
		return fmt.Errorf("building caprock (run this from the repository's root): %w\n%s", err, out)
	}
	options := devcluster.Options{
		Binary: binary, Listen: "127.0.0.1:0", Agents: p.agents, WorkDir: filepath.Join(dir, "cluster"),
		// Offers come often, so that a kill finds calls in flight.
		AllocFlags: []string{"--allocation-interval=" + offerInterval},
	}
	if p.live > 0 {
		// A busy machine may need long to let executors come back; that is not what is tested.
		options.AgentFlags = []string{"--executor-reregistration-timeout=15secs"}
	}
	options.AgentFlags = append(options.AgentFlags, p.agentFlags...)
	if err := os.Mkdir(options.WorkDir, 0o755); err != nil {
		return err
	}
	logName := filepath.Join(os.TempDir(), fmt.Sprintf("caprock-torture-%d.log", p.seed))
	log, err := os.Create(logName)
	if err != nil {
		return err
	}
	defer log.Close()
	options.Log = log
	if p.verbose {
		options.Log = io.MultiWriter(log, os.Stderr)
	}
	cluster, err := devcluster.Start(ctx, options)
	if err != nil {
		return err
	}
	v, err := p.torment(ctx, cluster, filepath.Join(dir, "begun"))
	var left []string
	if err == nil && p.live > 0 {
		left, err = awaitNothing(ctx, p.agentDirs(options.WorkDir))
	}
	if err != nil {
		cluster.DumpStacks()
		fmt.Fprintf(os.Stderr, "torture: the cluster's log, with its stacks, is in %s\n", logName)
	}
	stopping, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if stopErr := cluster.Stop(stopping); err == nil {
		err = stopErr
	}
	if err != nil {
		return fmt.Errorf("seed %d: %w", p.seed, err)
	}
	return p.report(v, append(left, mounted(p.agentDirs(options.WorkDir))...), logName)
}

// report prints what came of it; anything lost, doubled or left over is an error.
func (p plan) report(v verdict, left []string, logName string) error {
	kills := fmt.Sprintf("%d kills of the allocator, %d of agents", p.kills, p.kills)
	if p.live > 0 {
		kills = fmt.Sprintf("%d kills of agents with up to %d live tasks", p.kills, p.live)
	}
	fmt.Printf("%s, seed %d\n%v; %d left over\n", kills, p.seed, v, len(left))
	for _, text := range slices.Concat(v.Unlearned, v.Lost, v.Doubled, left) {
		fmt.Println(" ", text)
	}
	panics, err := panicsIn(logName)
	if err != nil || panics > 0 {
		return errors.Join(err, fmt.Errorf("%d times a process of the cluster panicked (seed %d); its log is in %s", panics, p.seed, logName))
	}
	if len(v.Lost)+len(v.Doubled)+len(left) > 0 {
		return fmt.Errorf("%d tasks lost, %d doubled, %d things left over (seed %d); the cluster's log is in %s",
			len(v.Lost), len(v.Doubled), len(left), p.seed, logName)
	}
	if len(v.Unlearned) > p.kills {
		return fmt.Errorf("%d tasks ended unseen, want at most one for each kill of an agent (seed %d); the cluster's log is in %s", len(v.Unlearned), p.seed, logName)
	}
	return os.Remove(logName)
}

// panicsIn counts the panics in the cluster's log: what is started again and goes on hides them.
func panicsIn(log string) (n int, err error) {
	text, err := os.ReadFile(log)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			n++
		}
	}
	return n, err
}

func (p plan) agentDirs(cluster string) []string {
	var dirs []string
	for i := range p.agents {
		dirs = append(dirs, filepath.Join(cluster, "agent-"+strconv.Itoa(i+1)))
	}
	return dirs
}

// mounted lists what is still mounted below the directories of agents that have left.
func mounted(dirs []string) (left []string) {
	for _, dir := range dirs {
		left = append(left, mountsOf(dir)...)
	}
	return left
}

const (
	mostLiveTasks    = 150
	offerInterval    = "20ms"
	readyPatience    = 3 * time.Minute
	progressPatience = 3 * time.Minute
	settlePatience   = 5 * time.Minute
	// longestCalm is the longest time between two kills.
	longestCalm = 1500 * time.Millisecond
)

// torment applies load and kills, then waits for every task's end.
func (p plan) torment(ctx context.Context, cluster *devcluster.Cluster, begunFile string) (verdict, error) {
	random := rand.New(rand.NewPCG(p.seed, 0))
	ready, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if err := cluster.Ready(ready); err != nil {
		return verdict{}, err
	}
	victims := []func() error{func() error { return cluster.KillAgent(random.IntN(cluster.AgentCount())) }}
	var mix *mixture
	live := mostLiveTasks
	if p.live > 0 {
		self, err := os.Executable()
		if err != nil {
			return verdict{}, err
		}
		mix, live = &mixture{binary: self, begun: begunFile}, p.live
	} else {
		victims = append(victims, cluster.KillAllocator)
	}
	load := startLoad(ctx, cluster.URL(), begunFile, p.seed, mix, live)
	defer load.stop()
	for i := range p.kills {
		for _, kill := range victims {
			if err := pause(ctx, time.Duration(random.Int64N(int64(longestCalm)))); err != nil {
				return verdict{}, err
			}
			// A target that is down at this moment is simply not killed again.
			if err := kill(); err != nil && err != os.ErrProcessDone {
				return verdict{}, err
			}
			if err := load.progress(ctx, progressPatience); err != nil {
				return verdict{}, fmt.Errorf("after kill %d: %w", i+1, err)
			}
		}
	}
	return load.settle(ctx, settlePatience)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
