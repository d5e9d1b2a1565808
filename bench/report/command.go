package report

import (
	"bytes"
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
	file, date, err := newest(history, "cycle")
	if err != nil {
		return nil, err
	}
	if file != "" {
		var runs []cycleRun
		if err := load(file, &runs); err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, cycleText, date)
		writeCycle(&b, runs)
		b.WriteString(cycleLimits)
	}
	if err := writeTables(&b, history); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
