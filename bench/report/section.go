package report

import (
	"fmt"
	"io"
)

// section is a part of BENCHMARKS.md: a scenario and its newest run.
type section interface {
	// write writes the section from the runs kept in a directory.
	write(w io.Writer, history string) error
	// scenarioAndCommand are how files of its runs begin, and what makes one.
	scenarioAndCommand() (scenario, command string)
}

// sections in their order. Each is in a file of its own.
var sections = []section{
	cycleSection, callsSection, stormSection, launchSection, scalabilitySection, recoverySection, fairnessSection,
	fleetSection, fanoutSection, stateSection, isolationSection, agentSection, peersSection,
}

// of is a section whose runs have rows of R.
type of[R any] struct {
	// scenario is how files of runs begin; command is how to make one.
	scenario, title, command string
	// intro is prose before the table, limits after it.
	intro  string
	table  func(io.Writer, []R)
	limits string
	// headline is what a run came to, for the history.
	headline func([]R) string
}

func (s *of[R]) write(w io.Writer, history string) error {
	all, err := runs[R](history, s.scenario)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## %s\n\n", s.title)
	if len(all) == 0 {
		fmt.Fprintf(w, "No run is kept. To make one:\n\n    caprock %s --json > bench/history/%s-DATE.json\n", s.command, s.scenario)
		return nil
	}
	newest := &all[0]
	if newest.Command == "" {
		newest.Command = s.command
	}
	newest.head(w)
	if s.intro != "" {
		fmt.Fprintln(w, s.intro[1:])
	}
	s.table(w, newest.Rows)
	fmt.Fprint(w, s.limits)
	fmt.Fprint(w, "\n| run | commit | it came to |\n|---|---|---|\n")
	for i := range all {
		fmt.Fprintf(w, "| %s | %s | %s |\n", all[i].date, all[i].commit(), s.headline(all[i].Rows))
	}
	return nil
}

func (s *of[R]) scenarioAndCommand() (scenario, command string) { return s.scenario, s.command }

// first returns a row that is wanted, or a zero one.
func first[R any](rows []R, wanted func(*R) bool) (r R) {
	for i := range rows {
		if wanted(&rows[i]) {
			return rows[i]
		}
	}
	return r
}
