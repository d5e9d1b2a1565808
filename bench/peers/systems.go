package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/bench/peers/caprock"
	"github.com/caprock/caprock/bench/peers/kube"
	"github.com/caprock/caprock/bench/peers/nomad"
	"github.com/caprock/caprock/bench/peers/work"
	"github.com/caprock/caprock/bench/peers/yunikorn"
)

// system is one way to place tasks.
type system struct {
	name  string // for --systems
	title string // for tables
	peer  bool   // not Caprock
	place func(o *options) work.Place
}

// inFlight is how many calls a framework sends before it waits for an answer. Mesos' own
// scheduler library waits for none.
const inFlight = 32

func fixed(p work.Place) func(*options) work.Place {
	return func(*options) work.Place { return p }
}

// systems in the order of a round.
var systems = []system{
	{"kube", "kube-scheduler v1.34.1", true, fixed(kube.Place)},
	{"yunikorn", "yunikorn-core v1.8.0", true, fixed(yunikorn.Place)},
	{"nomad-service", "Nomad v1.10.4, service scheduler", true, fixed(nomad.Service)},
	{"nomad-batch", "Nomad v1.10.4, batch scheduler", true, fixed(nomad.Batch)},
	{"engine", "Caprock, in process", false, fixed(caprock.Engine(caprock.AsFit))},
	{"engine-single", "Caprock, in process, one task an ACCEPT", false, fixed(caprock.Engine(1))},
	{"wire", "Caprock, durable, over the wire", false, func(o *options) work.Place {
		return caprock.Wire(o.program, o.dir, caprock.AsFit, 1)
	}},
	{"wire-single", "Caprock, durable, over the wire, one task an ACCEPT", false, func(o *options) work.Place {
		return caprock.Wire(o.program, o.dir, 1, 1)
	}},
	{"wire-pipelined", fmt.Sprintf("Caprock, durable, over the wire, one task an ACCEPT, %d in flight", inFlight), false, func(o *options) work.Place {
		return caprock.Wire(o.program, o.dir, 1, inFlight)
	}},
}

func choose(names []string) ([]system, error) {
	if len(names) == 0 {
		return systems, nil
	}
	var chosen []system
	for _, name := range names {
		i := slices.IndexFunc(systems, func(s system) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("got system %q, want some of %s", name, systemNames())
		}
		chosen = append(chosen, systems[i])
	}
	return chosen, nil
}

func systemNames() string {
	var all []string
	for _, s := range systems {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}
