package world

import (
	"testing"

	"github.com/spf13/cobra"
)

func TestQuickMakesSmallerWhatWasNotGiven(t *testing.T) {
	run := func(args ...string) (agents, tasks int) {
		cmd := &cobra.Command{RunE: func(*cobra.Command, []string) error { return nil }}
		cmd.Flags().IntVar(&agents, "agents", 1000, "")
		cmd.Flags().IntVar(&tasks, "tasks", 5000, "")
		Quick(cmd, "agents=10", "tasks=20")
		cmd.SetArgs(args)
		if err := cmd.Execute(); err != nil {
			t.Fatal(err)
		}
		return agents, tasks
	}
	if a, n := run(); a != 1000 || n != 5000 {
		t.Errorf("without it: got %d agents and %d tasks", a, n)
	}
	if a, n := run("--quick"); a != 10 || n != 20 {
		t.Errorf("with it: got %d agents and %d tasks, want 10 and 20", a, n)
	}
	if a, n := run("--tasks=7", "--quick"); a != 10 || n != 7 {
		t.Errorf("with tasks given: got %d agents and %d tasks, want 10 and 7", a, n)
	}
}
