package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kept is the name of a run's file.
var kept = regexp.MustCompile(`^([a-z]+)-(\d{4}-\d{2}-\d{2}.*)\.json$`)

// checkHistory refuses a directory without runs, files that no section would show, and runs of
// another scenario than their name says. Of runs that cannot be repeated, because the
// program did not know its commit or was not built from that alone, it warns.
func checkHistory(warnings io.Writer, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: got no run, want files SCENARIO-DATE.json that `caprock bench SCENARIO --json` printed", dir)
	}
	var faults []error
	for _, f := range files {
		if err := checkRun(warnings, f); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func checkRun(warnings io.Writer, file string) error {
	name := kept.FindStringSubmatch(filepath.Base(file))
	command, scenarios := "", []string{}
	for _, s := range sections {
		scenario, c := s.scenarioAndCommand()
		scenarios = append(scenarios, scenario)
		if name != nil && scenario == name[1] {
			command, _, _ = strings.Cut(c, " --")
		}
	}
	if command == "" {
		slices.Sort(scenarios)
		return fmt.Errorf("%s: got a name that is no run's, want SCENARIO-DATE.json with a scenario of %s", file, strings.Join(scenarios, ", "))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	r, err := decode[any](text)
	if err != nil {
		return fmt.Errorf("%s is no run: %w", file, err)
	}
	if r.Command != "" && r.Command != command && !strings.HasPrefix(r.Command, command+" ") {
		return fmt.Errorf("%s: got a run of `caprock %s`, want one of `caprock %s`", file, r.Command, command)
	}
	if r.Commit == "" || strings.Contains(r.Commit, "+") {
		fmt.Fprintf(warnings, "%s: %s; it is marked, since nobody can repeat it\n", file, r.commit())
	}
	return nil
}
