package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// run is a run that was kept, as a scenario's --json prints it.
type run[R any] struct {
	Command string `json:"command"`
	Commit  string `json:"commit"`
	When    string `json:"when"`
	Machine struct {
		CPU    string `json:"cpu"`
		Cores  int    `json:"cores"`
		MemMiB int    `json:"mem_mib"`
		Kernel string `json:"kernel"`
		Go     string `json:"go"`
	} `json:"machine"`
	Rows  []R      `json:"rows"`
	Notes []string `json:"notes"`

	date string // of the file's name
}

// head writes the command, when and where it ran, and its notes.
func (r *run[R]) head(w io.Writer) {
	when := r.When
	if when == "" {
		when = r.date
	}
	fmt.Fprintf(w, "    caprock %s\n\n%s, %s", r.Command, when, r.commit())
	if r.Machine.Cores > 0 {
		fmt.Fprintf(w, ", %d cores (%s), %d MiB, Linux %s, %s", r.Machine.Cores, r.Machine.CPU, r.Machine.MemMiB, r.Machine.Kernel, r.Machine.Go)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintf(w, ". %s", strings.Join(r.Notes, "; "))
	}
	fmt.Fprint(w, ".\n\n")
}

// commit that the program was built from. Early runs do not know theirs.
func (r *run[R]) commit() string {
	if r.Commit == "" {
		return "commit not noted"
	}
	sha, _, changed := strings.Cut(r.Commit, "+")
	text := "commit " + sha[:min(12, len(sha))]
	if changed {
		text += " with changes that were not committed"
	}
	return text
}

// runs are all of a scenario, the newest first.
func runs[R any](dir, scenario string) (all []run[R], err error) {
	files, err := filepath.Glob(filepath.Join(dir, scenario+"-[0-9]*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files) // dates are ISO: the last is the newest
	slices.Reverse(files)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		r, err := decode[R](text)
		if err != nil {
			return nil, fmt.Errorf("%s is no run of this scenario: %w", f, err)
		}
		r.date = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), scenario+"-"), ".json")
		all = append(all, *r)
	}
	return all, nil
}

// decode reads a run. Early ones of cycle are their rows alone.
func decode[R any](text []byte) (*run[R], error) {
	r := &run[R]{}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return r, json.Unmarshal(text, &r.Rows)
	}
	return r, json.Unmarshal(text, r)
}

// latency is a distribution, in nanoseconds.
type latency struct {
	P50 float64 `json:"p50_ns"`
	P99 float64 `json:"p99_ns"`
	Max float64 `json:"max_ns"`
}

func (l latency) String() string {
	return seconds(l.P50/1e9) + " | " + seconds(l.P99/1e9) + " | " + seconds(l.Max/1e9)
}
