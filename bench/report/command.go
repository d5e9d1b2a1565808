package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// Command is `caprock bench report`.
func Command() *cobra.Command {
	var history, out string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write BENCHMARKS.md from the runs kept in bench/history",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := Render(history)
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			return os.WriteFile(out, text, 0o644)
		},
	}
	cmd.Flags().StringVar(&history, "history", "bench/history", "`directory` with the runs")
	cmd.Flags().StringVar(&out, "out", "BENCHMARKS.md", "`file` to write; - for standard output")
	return cmd
}

// Render makes the whole text from the newest run of each scenario.
func Render(history string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(preface)
	err := errors.Join(
		section(history, "cycle", func(runs []cycleRun, date string) {
			fmt.Fprintf(&b, cycleText, date)
			writeCycle(&b, runs)
			b.WriteString(cycleLimits)
		}),
		section(history, "calls", func(run loadRun[callsRow], _ string) {
			run.head(&b, "Scheduler calls")
			writeCalls(&b, run.Rows)
			b.WriteString(callsLimits)
		}),
		section(history, "storm", func(run loadRun[stormRow], _ string) {
			run.head(&b, "Storms")
			writeStorm(&b, run.Rows)
			b.WriteString(stormLimits)
		}),
		section(history, "launch", func(run loadRun[launchRow], _ string) {
			run.head(&b, "Launch overhead")
			writeLaunch(&b, run.Rows)
			b.WriteString(launchLimits)
		}),
		section(history, "fleet", func(run loadRun[fleetRow], _ string) {
			run.head(&b, "Steady state and fairness")
			writeFleet(&b, run.Rows)
			b.WriteString(fleetLimits)
		}),
		section(history, "fanout", func(run loadRun[fanoutRow], _ string) {
			run.head(&b, "Event streams")
			writeFanout(&b, run.Rows)
			b.WriteString(fanoutLimits)
		}),
		section(history, "state", func(run loadRun[stateRow], _ string) {
			run.head(&b, "Readers beside schedulers")
			writeState(&b, run.Rows)
			b.WriteString(stateLimits)
		}),
		section(history, "isolation", func(run loadRun[isolationRow], _ string) {
			run.head(&b, "Isolation and accounting")
			writeIsolation(&b, run.Rows)
			b.WriteString(isolationLimits)
		}),
		section(history, "agent", func(run loadRun[agentRow], _ string) {
			run.head(&b, "The agent, against a helper process for each task")
			writeAgent(&b, run.Rows)
			b.WriteString(agentLimits)
		}),
		section(history, "peers", func(run loadRun[peersRow], _ string) {
			run.head(&b, "Peers")
			writePeers(&b, run.Rows)
			b.WriteString(peersLimits)
		}),
	)
	return b.Bytes(), err
}

// section shows the newest run of a scenario, if there is one.
func section[R any](history, scenario string, show func(run R, date string)) error {
	file, date, err := newest(history, scenario)
	if err != nil || file == "" {
		return err
	}
	var run R
	if err := load(file, &run); err != nil {
		return err
	}
	show(run, date)
	return nil
}
