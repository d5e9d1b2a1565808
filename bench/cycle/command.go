package cycle

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/page"
	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench cycle".
func Command() *cobra.Command {
	var s Shape
	var several bool
	var profile string
	var out page.Output
	cmd := &cobra.Command{
		Use:   "cycle",
		Short: "Measure full allocation cycles in process",
		Long: `Measure full allocation cycles in process: the cluster is built through the allocator's
public face; every cycle offers everything that is free, and all of it is declined. The time of a
cycle is that of the decision, of the records of its offers and of their bytes as they go into the
journal; allocations are those of the decision.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.validate(); err != nil {
				return err
			}
			if profile != "" {
				f, err := os.Create(profile)
				if err != nil {
					return fmt.Errorf("--cpuprofile: %w", err)
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				defer pprof.StopCPUProfile()
			}
			rows := []row{{Name: fmt.Sprintf("%d × %d", s.Agents, s.Frameworks), Shape: s}}
			if several {
				rows = matrix()
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			for i := range rows {
				progress.ShowPart(float64(i)/float64(len(rows)), "shape %d of %d: %s", i+1, len(rows), rows[i].Name)
				r, err := Measure(cmd.Context(), rows[i].Shape)
				if err != nil {
					progress.Clear()
					return fmt.Errorf("%s: %w", rows[i].Name, err)
				}
				rows[i].Report, rows[i].Parts = r, &r.Parts
			}
			progress.Clear()
			if several {
				return out.Print(cmd.OutOrStdout(), world.NewReport("bench cycle", rows, matrixNote), matrixTable(rows), matrixPlots(rows))
			}
			r := rows[0].Report
			return out.PrintAs(cmd.OutOrStdout(), r, world.NewReport("bench cycle", rows, notes(s, r)...), cyclesTable(r), cyclesPlots(r))
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.Agents, "agents", 10000, "number of agents")
	f.IntVar(&s.Frameworks, "frameworks", 1000, "number of frameworks")
	f.IntVar(&s.Roles, "roles", 1, "number of roles; frameworks are dealt over them")
	f.BoolVar(&s.Partial, "partial", false, "let a task run on every agent")
	f.Float64Var(&s.DeclineSeconds, "decline", 0, "seconds for which declined offers are refused; 0: no filter")
	f.StringVar(&s.Quota, "quota", "none", "none or large-and-small")
	f.BoolVar(&s.Rich, "rich", false, "attributes, offer constraints and guarantees everywhere")
	f.BoolVar(&s.Refused, "refused", false, "let every framework refuse every agent first, and measure cycles that offer nothing")
	f.IntVar(&s.Cycles, "cycles", 11, "cycles to measure, after one that is not")
	f.IntVar(&s.Batch, "batch", 256, "agents added between two cycles")
	f.BoolVar(&several, "matrix", false, "run the table of shapes instead of one")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile to this `file`")
	out.Flags(f)
	world.Quick(cmd, "agents=1000", "frameworks=100", "cycles=5")
	cmd.MarkFlagsMutuallyExclusive("quick", "matrix")
	return cmd
}

func (s *Shape) validate() error {
	err := errors.Join(world.Between("agents", s.Agents, 1, 1_000_000), world.Between("frameworks", s.Frameworks, 1, 100_000),
		world.Between("roles", s.Roles, 1, s.Frameworks), world.Between("cycles", s.Cycles, 1, 1_000_000), world.Between("batch", s.Batch, 1, 1_000_000))
	if s.Quota != "none" && s.Quota != "large-and-small" {
		err = errors.Join(err, fmt.Errorf("got --quota=%s, want none or large-and-small", s.Quota))
	}
	if s.DeclineSeconds < 0 {
		err = errors.Join(err, fmt.Errorf("got --decline=%v, want 0 or more seconds", s.DeclineSeconds))
	}
	return err
}
