package main

import (
	"strings"
	"testing"
)

func TestBenchPaperRecoveryBringsAllBack(t *testing.T) {
	rows := bench[struct {
		What string
		Mean float64   `json:"mean_s"`
		Min  float64   `json:"min_s"`
		Max  float64   `json:"max_s"`
		Runs []float64 `json:"runs_s"`
	}](t, "paper", "recovery", "--agents=20", "--frameworks=4", "--roles=2", "--kills=2", "--task-time=400ms", "--settle=300ms",
		"--alloc-flags=--allocation-interval=20ms")
	if len(rows) != 5 || rows[4].What != "all back" {
		t.Fatalf("got %+v", rows)
	}
	for _, r := range rows {
		if len(r.Runs) != 2 || r.Min <= 0 || r.Min > r.Mean || r.Mean > r.Max || r.Max > rows[4].Max && r.What != "first offer" {
			t.Errorf("got %+v", r)
		}
	}
}

func TestBenchPaperFairnessComesToFairShares(t *testing.T) {
	rows := bench[fleetRow](t, "paper", "fairness", "--machines=10", "--frameworks=2", "--task-time=500ms", "--phase=2500ms",
		"--alloc-flags=--allocation-interval=20ms")
	var shares []float64
	for _, r := range rows {
		if strings.HasPrefix(r.Phase, "drf: both") {
			shares = append(shares, r.Share)
			// Two thirds, but for what is free while it is offered and what a busy machine takes.
			if r.Fair < .66 || r.Fair > .67 || r.Share < .2 || r.Share > .75 {
				t.Errorf("got %+v", r)
			}
		}
		if r.Phase == "drf-changing: a alone" && (r.Role != "a" || r.Fair < .99 || r.Share < .3) {
			t.Errorf("alone: got %+v", r)
		}
	}
	if len(shares) != 2 || len(rows) != 2+1+2+3+2 {
		t.Fatalf("got %d rows, shares %v in the paper's example: %+v", len(rows), shares, rows)
	}
	// What a busy machine takes it takes from both.
	if part := shares[0] / (shares[0] + shares[1]); part < .4 || part > .6 {
		t.Errorf("the shares are %v, want the same", shares)
	}
}

func TestBenchPaperScalabilityProbesEachSize(t *testing.T) {
	rows := bench[struct {
		Agents, Probes int
		Launch         quantiles
	}](t, "paper", "scalability", "--sizes=5,10", "--frameworks=3", "--roles=2", "--task-time=200ms", "--probes=3", "--every=1ms", "--warm-up=300ms",
		"--alloc-flags=--allocation-interval=20ms")
	if len(rows) != 2 || rows[0].Agents != 5 || rows[1].Agents != 10 || !rows[1].Launch.ascend() || rows[1].Probes != 3 {
		t.Errorf("got %+v", rows)
	}
}
