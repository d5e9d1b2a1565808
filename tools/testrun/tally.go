package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
)

// tally counts what ran.
type tally struct {
	passed, failed int
	skips          []string // "package.Test: reason"
	failures       []string
}

func (t *tally) fail(what string, err error) {
	if !errors.Is(err, errCounted) {
		t.failed++
		t.failures = append(t.failures, fmt.Sprintf("%s: %v", what, err))
	}
}

// errCounted marks a failure whose single tests are in the tally already.
var errCounted = errors.New("tests failed")

func (t *tally) print(w io.Writer) {
	sort.Strings(t.skips)
	for _, s := range t.skips {
		fmt.Fprintln(w, "SKIPPED", s)
	}
	for _, f := range t.failures {
		fmt.Fprintln(w, "FAILED", f)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skips))
}

// event is one line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
}

// goTest runs `go test` and counts every top-level test. The output of a test is shown
// only if it failed; that of a skipped one is kept as its reason.
func goTest(t *tally, args ...string) error { return goTestIn(t, ".", args...) }

// goTestIn does that in the module of a directory.
func goTestIn(t *tally, dir string, args ...string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := t.failed
	t.count(stdout, os.Stdout)
	err = cmd.Wait()
	switch {
	case t.failed > before:
		return fmt.Errorf("%w: %d", errCounted, t.failed-before)
	case err != nil:
		return fmt.Errorf("go test %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// count reads events until EOF.
func (t *tally) count(r io.Reader, w io.Writer) {
	output := map[string][]string{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.one(line, output, w)
		}
		if err != nil {
			return
		}
	}
}

func (t *tally) one(line []byte, output map[string][]string, w io.Writer) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(w, "%s", line) // not an event: a build error, shown as it is
		return
	}
	key := e.Package + "." + e.Test
	top := e.Test != "" && !strings.Contains(e.Test, "/")
	switch e.Action {
	case "output", "build-output":
		output[key] = append(output[key], e.Output)
	case "pass":
		if top {
			t.passed++
		} else if e.Test == "" {
			fmt.Fprintf(w, "ok   %s\n", e.Package)
		}
		delete(output, key)
	case "skip":
		if e.Test != "" {
			t.skips = append(t.skips, key+": "+reason(output[key]))
		}
		delete(output, key)
	case "fail", "build-fail":
		fmt.Fprintf(w, "%s", strings.Join(output[key], ""))
		if e.Test == "" {
			fmt.Fprintf(w, "FAIL %s\n", e.Package)
		}
		if top {
			t.failed++
			t.failures = append(t.failures, key)
		}
		delete(output, key)
	}
}

// reason is what the test said when it skipped, without the framework's lines.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		said = append(said, line)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
