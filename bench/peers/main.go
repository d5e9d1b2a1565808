package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

// options of a run.
type options struct {
	program  string // the caprock program
	dir      string // for the state of allocators
	patience time.Duration
}

func command() *cobra.Command {
	var o options
	var nodes []int
	var tasks, runs int
	var names []string
	var quick bool
	var out page.Output
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Place the same tasks with other schedulers and with Caprock, side by side",
		Long: `Place the same tasks on the same nodes with kube-scheduler, YuniKorn, Nomad and Caprock, one after the
other, round after round, each time in a new process, and compare tasks placed per second. Every number of
--nodes is measured in two shapes: few large applications, and many small ones. Nodes have 64 CPUs
and 256 GiB, tasks take 1 CPU and 1 GiB.

Systems: ` + systemNames() + `.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick {
				shrink(cmd, &nodes, &tasks, &runs)
			}
			if runs < 1 || runs > 100 || o.patience <= 0 {
				return fmt.Errorf("got --runs=%d --patience=%v, want 1 to 100 runs and some patience", runs, o.patience)
			}
			all, err := shapes(nodes, tasks)
			if err != nil {
				return err
			}
			chosen, err := choose(names)
			if err != nil {
				return err
			}
			remove, err := o.findProgram(cmd.Context(), chosen)
			if err != nil {
				return err
			}
			defer remove()
			progress := world.NewProgress(cmd.ErrOrStderr())
			rows, err := rounds(cmd.Context(), &o, all, chosen, runs, progress)
			progress.Clear()
			if err != nil {
				return err
			}
			return print(cmd.OutOrStdout(), &out, rows, runs)
		},
	}
	pf := cmd.PersistentFlags()
	pf.StringVar(&o.program, "caprock", "", "the caprock `program` for the rows over the wire (default: build it from this checkout)")
	pf.StringVar(&o.dir, "dir", "", "`directory` for the allocators' state, whose disk counts (default: the temporary one)")
	f := cmd.Flags()
	f.IntSliceVar(&nodes, "nodes", []int{1000, 5000}, "`numbers` of nodes to measure")
	f.IntVar(&tasks, "tasks", 10_000, "tasks to place, a multiple of 1,000")
	f.IntVar(&runs, "runs", 3, "rounds; the table shows medians")
	f.StringSliceVar(&names, "systems", nil, "`systems` to measure (default: all)")
	f.DurationVar(&o.patience, "patience", 5*time.Minute, "how long one system may take once")
	f.BoolVar(&quick, "quick", false, "a small, short run")
	out.Flags(f)
	cmd.AddCommand(oneCommand(&o))
	return cmd
}

// shrink makes a run small where the user did not say otherwise.
func shrink(cmd *cobra.Command, nodes *[]int, tasks, runs *int) {
	set := func(name string, do func()) {
		if !cmd.Flags().Changed(name) {
			do()
		}
	}
	set("nodes", func() { *nodes = []int{200} })
	set("tasks", func() { *tasks = 2000 })
	set("runs", func() { *runs = 1 })
}

// findProgram builds the program if somebody needs it and none was given; remove deletes it.
func (o *options) findProgram(ctx context.Context, chosen []system) (remove func(), err error) {
	remove = func() {}
	needed := false
	for _, s := range chosen {
		needed = needed || strings.HasPrefix(s.name, "wire")
	}
	if !needed || o.program != "" {
		return remove, nil
	}
	where, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/caprock/caprock").Output()
	if err != nil {
		return remove, fmt.Errorf("finding Caprock's sources (run this in bench/peers, or name a program with --caprock): %w", err)
	}
	dir, err := os.MkdirTemp("", "caprock-peers-")
	if err != nil {
		return remove, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	o.program = filepath.Join(dir, "caprock")
	build := exec.CommandContext(ctx, "go", "build", "-o", o.program, "./tools/caprock")
	build.Dir = strings.TrimSpace(string(where))
	if text, err := build.CombinedOutput(); err != nil {
		remove()
		return func() {}, fmt.Errorf("building caprock: %w\n%s", err, text)
	}
	return remove, nil
}
