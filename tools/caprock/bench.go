package main

import (
	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/agents"
	"github.com/caprock/caprock/bench/calls"
	"github.com/caprock/caprock/bench/cycle"
	"github.com/caprock/caprock/bench/fanout"
	"github.com/caprock/caprock/bench/fleet"
	"github.com/caprock/caprock/bench/isolation"
	"github.com/caprock/caprock/bench/launch"
	"github.com/caprock/caprock/bench/paper"
	"github.com/caprock/caprock/bench/replay"
	"github.com/caprock/caprock/bench/report"
	"github.com/caprock/caprock/bench/state"
	"github.com/caprock/caprock/bench/storm"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the allocator and check it against recorded histories",
		Long: `Measure the allocator and check it against recorded histories.

cycle runs in process. calls, fleet, launch, storm, fanout, state and paper start an allocator in the temporary directory (or load the one
of --allocator) and play a fleet of agents and frameworks against it, over the real protocols. agent does the reverse: it starts an
agent and plays its allocator. isolation measures this machine, peers compares with other schedulers, replay with histories of
Mesos' allocator, and report writes BENCHMARKS.md from kept runs.

Each prints a table, --json the whole report, and --html=FILE writes a page with plots. docs/bench.md is the guide; a
good first run is: caprock bench fleet --html=fleet.html`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(agents.Command(), calls.Command(), cycle.Command(), fanout.Command(), fleet.Command(), isolation.Command(), launch.Command(),
		paper.Command(), peersCommand(), replay.Command(), report.Command(), state.Command(), storm.Command())
	return cmd
}
