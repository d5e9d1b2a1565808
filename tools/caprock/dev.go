package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/devcluster"
)

// stopPatience is how long children may take to end before they are killed.
const stopPatience = 20 * time.Second

func devCommand() *cobra.Command {
	var options devcluster.Options
	var verbose bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a cluster on this machine: an allocator and its agents",
		Long: `Run a cluster on this machine: one allocator and --agents agents, each a process of
its own, with the machine's resources split between the agents. A process that dies is
started again, after longer and longer pauses if it dies soon. Prints "ready: URL" once every agent is registered, that is, when a framework would be
offered resources. Ctrl-C stops everything, tasks included; without --work-dir nothing stays
on disk.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if options.Agents < 1 {
				return fmt.Errorf("--agents: got %d, want 1 to 1000", options.Agents)
			}
			options.Log = linePrefix{os.Stderr}
			if !verbose {
				options.AllocFlags = append(options.AllocFlags, "--logging-level=WARNING")
				options.AgentFlags = append(options.AgentFlags, "--logging-level=WARNING")
			}
			return dev(cmd.Context(), options, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&options.Agents, "agents", 1, "how many agents share this machine")
	f.StringVar(&options.Listen, "listen", "127.0.0.1:5050", "`address` the allocator serves; port 0 picks a free one")
	f.StringVar(&options.WorkDir, "work-dir", "", "keep the cluster's files in this `directory` (default: a temporary one)")
	f.BoolVar(&verbose, "verbose", false, "show everything the processes log, not just warnings")
	return cmd
}

// dev runs the cluster until ctx ends or a process cannot be kept up.
func dev(ctx context.Context, options devcluster.Options, out io.Writer) (err error) {
	cluster, err := devcluster.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if stopErr := cluster.Stop(stopping); err == nil {
			err = stopErr
		}
	}()
	if err := cluster.Ready(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped by the user before it was ready
		}
		return err
	}
	fmt.Fprintf(out, "ready: %s\n", cluster.URL())
	select {
	case <-ctx.Done():
		return nil
	case <-cluster.Failed():
		return cluster.Failure()
	}
}

// linePrefix marks the children's log lines, so that this command's own output
// stands apart.
type linePrefix struct{ w io.Writer }

func (l linePrefix) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for line := range bytes.Lines(p) {
		b.WriteString("  | ")
		b.Write(line)
	}
	if _, err := l.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
