package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/bench/peers/work"
)

// measured is what one process prints.
type measured struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_s"`
	// PeakRSS is of the process that placed the tasks, which over the wire is the allocator's.
	PeakRSS int64 `json:"peak_rss_bytes"`
}

// warmUp comes before what is measured, in the same process.
var warmUp = work.Work{Nodes: 50, Apps: 5, TasksPerApp: 100}

// oneCommand measures one system once: what a child process does.
func oneCommand(o *options) *cobra.Command {
	var w work.Work
	var profile string
	cmd := &cobra.Command{
		Use:   "one SYSTEM",
		Short: "Place tasks once with one system, in this process",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := choose(args)
			if err == nil {
				err = w.Validate()
			}
			if err != nil {
				return err
			}
			m, err := measure(cmd.Context(), chosen[0].place(o), w, profile)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(m)
		},
	}
	f := cmd.Flags()
	f.IntVar(&w.Nodes, "on", 1000, "nodes")
	f.IntVar(&w.Apps, "apps", fewLarge, "applications")
	f.IntVar(&w.TasksPerApp, "each", 1000, "tasks of each")
	f.StringVar(&profile, "cpuprofile", "", "write a CPU profile of the placing to this `file`")
	return cmd
}

func measure(ctx context.Context, place work.Place, w work.Work, profile string) (*measured, error) {
	var watch work.Watch
	if _, err := place(ctx, warmUp, &watch); err != nil {
		return nil, fmt.Errorf("warming up: %w", err)
	}
	watch = work.Watch{}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		watch.Profile = f
	}
	on, err := place(ctx, w, &watch)
	if err != nil {
		return nil, err
	}
	if err := w.Check(on); err != nil {
		return nil, err
	}
	return &measured{watch.Seconds, watch.CPUSeconds, watch.PeakRSS}, nil
}

// child runs "one" in a process of its own.
func child(ctx context.Context, o *options, s system, w work.Work) (*measured, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's own path: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "one", s.name, fmt.Sprintf("--on=%d", w.Nodes), fmt.Sprintf("--apps=%d", w.Apps),
		fmt.Sprintf("--each=%d", w.TasksPerApp), "--caprock="+o.program, "--dir="+o.dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out, diagnosis bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnosis
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("not done after %v (--patience)", o.patience)
		}
		return nil, fmt.Errorf("%s: %w\n%s", s.title, err, last(diagnosis.String(), 2000))
	}
	m := &measured{}
	if err := json.Unmarshal(out.Bytes(), m); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.title, err), errors.New(last(out.String(), 500)))
	}
	return m, nil
}

// last is the end of a text of any length.
func last(text string, most int) string {
	return strings.TrimSpace(text[max(0, len(text)-most):])
}
