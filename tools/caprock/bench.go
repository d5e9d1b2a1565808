package main

import (
	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/calls"
	"github.com/caprock/caprock/bench/cycle"
	"github.com/caprock/caprock/bench/fanout"
	"github.com/caprock/caprock/bench/isolation"
	"github.com/caprock/caprock/bench/launch"
	"github.com/caprock/caprock/bench/replay"
	"github.com/caprock/caprock/bench/report"
	"github.com/caprock/caprock/bench/state"
	"github.com/caprock/caprock/bench/storm"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the allocator and check it against recorded histories",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(calls.Command(), cycle.Command(), fanout.Command(), isolation.Command(), launch.Command(), replay.Command(), report.Command(), state.Command(), storm.Command())
	return cmd
}
