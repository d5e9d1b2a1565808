package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caprock/caprock/agent"
)

// remainsPatience is more than longestWait, after which the last executors end.
const remainsPatience = 2 * longestWait

// remains lists what is left of tasks that are over: their processes, cgroups and
// mounts, and the directories of volumes that were destroyed. dirs are the work
// directories of agents.
func remains(dirs []string) []string {
	var left []string
	for _, dir := range dirs {
		left = append(left, processesOf(dir)...)
		left = append(left, cgroupsOf(dir)...)
		left = append(left, mountsOf(dir)...)
		left = append(left, volumesOf(dir)...)
	}
	return left
}

// awaitNothing gives what takes time, such as the end of executors, its time.
func awaitNothing(ctx context.Context, dirs []string) ([]string, error) {
	deadline := time.Now().Add(remainsPatience)
	for {
		left := remains(dirs)
		if len(left) == 0 || time.Now().After(deadline) {
			return left, nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// processesOf finds processes of tasks by the sandbox in their environment.
func processesOf(dir string) (left []string) {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environments {
		b, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(b), "MESOS_DIRECTORY="+dir+"/") {
			continue // it has ended, or is none of ours
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		left = append(left, fmt.Sprintf("process %s: %s", filepath.Base(filepath.Dir(file)), strings.ReplaceAll(string(line), "\x00", " ")))
	}
	return left
}

// cgroupsOf finds cgroups below the agent's own, in every hierarchy.
func cgroupsOf(dir string) (left []string) {
	o := agent.Options{WorkDir: dir}
	o.EnsureDefaults()
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		roots, _ := filepath.Glob(filepath.Join(hierarchy, o.CgroupsRoot))
		for _, root := range roots {
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() && path != root {
					left = append(left, "cgroup "+path)
				}
				return nil
			})
		}
	}
	return left
}

// mountsOf finds mounts in sandboxes and volumes.
func mountsOf(dir string) (left []string) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") && !strings.HasPrefix(fields[4], filepath.Join(dir, "meta")) {
			left = append(left, "mount "+fields[4])
		}
	}
	return left
}

func volumesOf(dir string) (left []string) {
	for _, pattern := range []string{"volumes/roles/*/*", "volumes/.caprock-*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range found {
			left = append(left, "volume "+path)
		}
	}
	return left
}
