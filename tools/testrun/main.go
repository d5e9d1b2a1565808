package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// racy are the packages in which goroutines share memory; they run again under
// the race detector.
var racy = []string{
	"./wire/httpd/...", "./wire/httpc/...", "./wire/link/...", "./wire/clock/...",
	"./store/...", "./alloc/loop/...", "./alloc/fanout/...", "./alloc/view/...", "./alloc/api/...",
	"./agent/...",
}

// checked are the packages whose tests run again with the allocator checking its books and
// indices after every cycle.
var checked = []string{"./alloc/cycle/...", "./alloc/core", "./alloc"}

// step is one group of checks.
type step struct {
	name string
	run  func(*tally) error
}

var steps = []step{
	{"format", checkFormat},
	{"vet", command("go", "vet", "./...")},
	{"staticcheck", staticcheck},
	{"unit", unit},
	{"invariants", func(t *tally) error {
		return goTest(t, append([]string{"-tags=invariants", "-timeout=60m"}, checked...)...)
	}},
	{"race", func(t *tally) error { return goTest(t, append([]string{"-race", "-timeout=60m"}, racy...)...) }},
	{"peers", peers},
	{"conform", command("go", "run", "./tools/conform", "clients")},
	// The part of the recorded exchanges that is played in a minute: an empty master,
	// faulty calls, and failures of both services.
	{"replay", command("go", "run", "./tools/conform", "replay", "--dev", "--floor=tools/conform/replay/floor.tsv",
		"--area=failover*,master-*-empty,master-get-variants,master-v1-errors,scheduler-errors")},
	{"torture", command("go", "run", "./tools/torture", "--kills=3")},
	{"torture agents", command("go", "run", "./tools/torture", "--kills=5", "--agents=1", "--live=50")},
}

// updateSkips writes the list of skipped tests instead of checking it.
var updateSkips bool

// unit runs all tests, and checks which could not run here.
func unit(t *tally) error {
	before := len(t.skips)
	if err := goTest(t, "-timeout=60m", "./..."); err != nil {
		return err
	}
	return checkSkips(skipsDir, environment(), t.skips[before:], updateSkips)
}

func main() {
	var only string
	flag.BoolVar(&updateSkips, "update-skips", false, "write the list of tests that cannot run on a host of this kind, instead of checking it")
	flag.StringVar(&only, "only", "", "comma-separated steps to run (default: all)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: tools/test [--only STEP,...]\nsteps:", strings.Join(names(), " "))
		flag.PrintDefaults()
	}
	flag.Parse()
	chosen, err := choose(only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
		os.Exit(2)
	}
	if !runAll(chosen) {
		os.Exit(1)
	}
}

func names() []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.name)
	}
	return all
}

func choose(only string) ([]step, error) {
	if only == "" {
		return steps, nil
	}
	var chosen []step
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(steps, func(s step) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("got step %q, want one of %v", name, names())
		}
		chosen = append(chosen, steps[i])
	}
	return chosen, nil
}

// runAll runs the steps in order, all of them even if one fails, and prints
// the summary.
func runAll(chosen []step) bool {
	var t tally
	for _, s := range chosen {
		fmt.Printf("=== %s\n", s.name)
		started := time.Now()
		err := s.run(&t)
		took := time.Since(started).Round(100 * time.Millisecond)
		if err != nil {
			t.fail(s.name, err)
			fmt.Printf("--- %s FAILED after %v: %v\n", s.name, took, err)
			continue
		}
		fmt.Printf("--- %s ok (%v)\n", s.name, took)
	}
	t.print(os.Stdout)
	return t.failed == 0
}

// command is a step that passes if the program exits 0.
func command(name string, args ...string) func(*tally) error {
	return func(t *tally) error {
		cmd := exec.Command(name, args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
		}
		t.passed++
		return nil
	}
}

// checkFormat fails if gofmt would change a file git knows.
func checkFormat(t *tally) error {
	files, err := exec.Command("git", "ls-files", "*.go").Output()
	if err != nil {
		return fmt.Errorf("listing Go files: %w", err)
	}
	args := []string{"-l"}
	for _, f := range strings.Fields(string(files)) {
		if !strings.HasSuffix(f, ".pb.go") {
			args = append(args, f)
		}
	}
	out, err := exec.Command("gofmt", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("gofmt: %w: %s", err, out)
	}
	if len(bytes.TrimSpace(out)) > 0 {
		return fmt.Errorf("not formatted by gofmt: %s", strings.Join(strings.Fields(string(out)), " "))
	}
	t.passed++
	return nil
}

// staticcheck runs over the packages we write; generated code is its
// generator's business. SA1019 is off: clients still use fields that Mesos has marked
// deprecated, so Caprock has to serve them.
func staticcheck(t *tally) error {
	out, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		return fmt.Errorf("listing packages: %w", err)
	}
	args := []string{"tool", "staticcheck", "-checks=inherit,-SA1019"}
	for _, pkg := range strings.Fields(string(out)) {
		if !strings.Contains(pkg, "/wire/mesos") {
			args = append(args, pkg)
		}
	}
	return command("go", args...)(t)
}
