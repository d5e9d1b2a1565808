package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caprock/caprock/tools/devcluster"
)

const (
	// restartTasks run one after the other, about one a second, on one executor; the agent is
	// killed agentKills times in between.
	restartTasks = 10
	agentKills   = 3
	// lull is how long after a task's end nothing is under way: the next offer is further away.
	lull = 300 * time.Millisecond
)

// offerGone is what the scheduler gives up for when a kill takes back the offer that it has just accepted,
// which a busy machine can bring about: then everything is done once more.
const offerGone = "REASON_INVALID_OFFERS"

// attempts bound how often.
const attempts = 5

func executorThroughRestarts(codec string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) (err error) {
		for n := range attempts {
			if err = restartsOnce(ctx, b, fmt.Sprintf("%s-%d", codec, n), codec); err == nil || !strings.Contains(err.Error(), offerGone) {
				return err
			}
		}
		return err
	}
}

// restartsOnce has example-executor run tasks of example-scheduler while its agent is killed and started
// again: it must stay and come back each time. A cluster of its own has room for one task at a time.
func restartsOnce(ctx context.Context, b *bench, name, codec string) error {
	dir := b.bin("restarts-" + name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	cluster, err := devcluster.Start(ctx, devcluster.Options{
		Binary: b.bin("caprock"), Listen: "127.0.0.1:0", Log: b.log, WorkDir: dir,
		// The executor takes up to 1.5 s to try again.
		AgentFlags: []string{"--resources=cpus:1;mem:2048;disk:1024", "--executor-reregistration-timeout=15secs"},
	})
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = cluster.Stop(stopping)
	}()
	if err := cluster.Ready(ctx); err != nil {
		return err
	}
	var out lockedBuffer
	cmd := exec.CommandContext(ctx, b.bin("example-scheduler"),
		"-url", cluster.URL()+"/api/v1/scheduler", "-codec", codec, "-name", "restarts-"+codec, "-verbose",
		"-server.address", "127.0.0.1", "-metrics.port", "0", "-executor", b.bin("example-executor"), "-exec.image", "",
		"-tasks", strconv.Itoa(restartTasks), "-cpu", "0.6", "-revive.burst", "1", "-revive.wait", "1s", "-failoverTimeout", "1s")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	watched, over := context.WithCancel(ctx)
	defer over()
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // 1 by design
		over()
		close(ended)
	}()
	err = killBetweenTasks(watched, cluster, dir, &out)
	if err == nil {
		<-ended
		if missing := out.missing("mission accomplished, terminating"); len(missing) > 0 {
			err = fmt.Errorf("never printed %v:\n%s", missing, out.text())
		}
	} else {
		_ = cmd.Process.Kill()
		<-ended
	}
	if err != nil && len(out.missing(offerGone)) == 0 {
		err = fmt.Errorf("the scheduler gave up for %s: %w", offerGone, err)
	}
	return err
}

// killBetweenTasks kills the agent when a task has just ended, and looks whether the executor stays.
func killBetweenTasks(ctx context.Context, cluster *devcluster.Cluster, dir string, out *lockedBuffer) error {
	var first []int
	for k := range agentKills {
		if err := out.await(ctx, fmt.Sprintf("Task %d is in state TASK_FINISHED", 3+2*k)); err != nil {
			return err
		}
		executors := processesBelow(dir)
		if first == nil {
			first = executors
		}
		if len(executors) != 1 || !slices.Equal(executors, first) {
			return fmt.Errorf("after %d kills of the agent the executors are %v, before they were %v; want the same one", k, executors, first)
		}
		select {
		case <-time.After(lull):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := cluster.KillAgent(0); err != nil {
			return err
		}
	}
	return nil
}

// processesBelow lists the processes whose program is in a directory, such as what agents have fetched.
func processesBelow(dir string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, l := range links {
		if at, err := os.Readlink(l); err == nil && strings.HasPrefix(at, dir+"/") {
			if pid, err := strconv.Atoi(strings.Split(l, "/")[2]); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
