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
	var check bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write BENCHMARKS.md from the runs kept in bench/history",
		Long: `Write BENCHMARKS.md from the runs kept in bench/history: for each scenario the command, machine and commit of its newest
run, its table, what limits it, and a line for every run. To keep a run, put what its --json prints into
bench/history as SCENARIO-DATE.json, such as calls-2026-11-20.json; those of bench paper are scalability, recovery and fairness.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkHistory(cmd.ErrOrStderr(), history); err != nil {
				return err
			}
			text, err := Render(history)
			switch {
			case err != nil:
				return err
			case check:
				return checkFile(out, text)
			case out == "-":
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			return os.WriteFile(out, text, 0o644)
		},
	}
	cmd.Flags().StringVar(&history, "history", "bench/history", "`directory` with the runs")
	cmd.Flags().StringVar(&out, "out", "BENCHMARKS.md", "`file` to write; - for standard output")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing, and fail if the file is not what would be written")
	return cmd
}

// checkFile says whether a file is what the history says, and if not where it differs.
func checkFile(file string, want []byte) error {
	got, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	wants, gots := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range max(len(wants), len(gots)) {
		var w, g []byte
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if !bytes.Equal(w, g) {
			return fmt.Errorf("%s:%d: got %q, want %q; run caprock bench report", file, i+1, g, w)
		}
	}
	return nil
}

// Render makes the whole text.
func Render(history string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(preface)
	for _, s := range sections {
		if err := s.write(&b, history); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
