package cycle

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/world"
)

// Command returns "caprock bench cycle".
func Command() *cobra.Command {
	var s Shape
	var asJSON, matrix bool
	var htmlFile string
	var profile string
	cmd := &cobra.Command{
		Use:   "cycle",
		Short: "Measure full allocation cycles in process",
		Long: `Measure full allocation cycles in process: the cluster is built through the allocator's
public face; every cycle offers everything that is free, and all of it is declined. The time of a
cycle is that of the decision, of the records of its offers and of their bytes as they go into the
journal; allocations are those of the decision.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if profile != "" {
				f, err := os.Create(profile)
				if err != nil {
					return err
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
				defer pprof.StopCPUProfile()
			}
			progress := world.NewProgress(cmd.ErrOrStderr())
			if matrix {
				return runMatrix(cmd.OutOrStdout(), progress, asJSON, htmlFile)
			}
			progress.Show("%d agents × %d frameworks: building the cluster and measuring %d cycles", s.Agents, s.Frameworks, s.Cycles)
			r, err := Measure(s)
			progress.Clear()
			if err != nil {
				return err
			}
			if htmlFile != "" {
				if err := writeCycles(htmlFile, s, r); err != nil {
					return err
				}
			}
			return print(cmd.OutOrStdout(), r, asJSON)
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
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&htmlFile, "html", "", "write a page with plots to this `file` as well")
	f.BoolVar(&matrix, "matrix", false, "run the table of shapes instead of one")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile to this file")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if s.Quota != "none" && s.Quota != "large-and-small" {
			return fmt.Errorf("got --quota=%s, want none or large-and-small", s.Quota)
		}
		return nil
	}
	return cmd
}

func print(w io.Writer, r *Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		return e.Encode(r)
	}
	for i, c := range r.Cycles {
		fmt.Fprintf(w, "cycle %2d: wall %9.3f ms  cpu %9.3f ms  offers %d\n", i+1, c.WallSeconds*1e3, c.CPUSeconds*1e3, c.Offers)
	}
	p := &r.Parts
	fmt.Fprintf(w, "median  : wall %9.3f ms  cpu %9.3f ms  offers %d  allocations %d\n",
		r.Median.WallSeconds*1e3, r.Median.CPUSeconds*1e3, r.Median.Offers, r.AllocsPerCycle)
	fmt.Fprintf(w, "of that the decision %.2f ms, the records %.2f ms, their %d bytes %.2f ms; a bare heap takes %.2f ms (CPU)\n",
		p.Decide*1e3, p.Records*1e3, p.RecordBytes, p.Encode*1e3, p.Floor*1e3)
	fmt.Fprintf(w, "add frameworks %.1f ms, add agents %.1f ms (%d bytes each) (CPU)\n", p.AddFrameworks*1e3, r.AddAgents*1e3, r.BytesPerAgent)
	if p.Refusals > 0 {
		_, err := fmt.Fprintf(w, "%d refusals in %d MiB; cycle that looks at each agent again %.1f µs (CPU)\n", p.Refusals, p.RSSBytes>>20, p.RefusedScan*1e6)
		return err
	}
	_, err := fmt.Fprintf(w, "decline all %.1f ms, cycle with nothing to offer %.1f µs, event-driven cycle for one agent %.1f µs (CPU)\n",
		p.Decline*1e3, p.QuietCycle*1e6, p.EventCycle*1e6)
	return err
}
