package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caprock/caprock/isolation/probe"
)

// skipsDir holds, for each kind of host that somebody has looked at, which tests of the
// kernel's edge cannot run there, by name. A test that falls silent for another reason is
// a failure of the run, and so is one on the list that runs.
const skipsDir = "tools/testrun/testdata/skips"

// edge are the packages whose tests depend on the kernel.
var edge = []string{"/isolation", "/agent", "/tools/vmtest"}

// environment names the kind of this host: what decides which tests can run.
func environment() string {
	r := probe.Host()
	words := []string{string(r.Cgroups.Mode())}
	for _, f := range []struct {
		name string
		ok   bool
	}{{"root", r.Root}, {"bpf", r.BPF.OK() && r.BTF.OK()}, {"machines", machines()}} {
		if f.ok {
			words = append(words, f.name)
		}
	}
	return strings.Join(words, "-")
}

// machines reports whether tools/vmtest finds what it needs.
func machines() bool {
	kernels, _ := filepath.Glob("/boot/vmlinuz-*cloud-amd64")
	_, err := os.Stat("/usr/bin/qemu-system-x86_64")
	return len(kernels) > 0 && err == nil
}

// checkSkips holds the skipped tests of the edge, "package.Test: reason", against the list
// for an environment, or writes it. An environment without a list is said to have none.
func checkSkips(dir, env string, skips []string, update bool) error {
	var got []string
	for _, s := range skips {
		name, _, _ := strings.Cut(s, ": ")
		if slices.ContainsFunc(edge, func(p string) bool { return strings.Contains(name, p+"/") || strings.Contains(name, p+".") }) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	file := filepath.Join(dir, env+".txt")
	if update {
		return os.WriteFile(file, []byte(strings.Join(got, "\n")+"\n"), 0o644)
	}
	known, err := readLines(file)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Printf("no list of skipped tests for a host of kind %s: %d are skipped\n", env, len(got))
		return nil
	}
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range got {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("%s is skipped, which is not in %s", name, file))
		}
	}
	for _, name := range known {
		if !slices.Contains(got, name) {
			faults = append(faults, fmt.Errorf("%s is not skipped any more, and is in %s", name, file))
		}
	}
	return errors.Join(faults...)
}

func readLines(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
