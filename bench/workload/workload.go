package workload

import (
	"fmt"
	"time"

	"github.com/caprock/caprock/bench/world"
)

// Workload is a world and what happens in it.
type Workload struct {
	// Seed of arrivals, lengths of tasks and the order of machines. Default 1.
	Seed int64 `toml:"seed,omitempty"`
	// Fleet of agents.
	Fleet Fleet `toml:"fleet"`
	// Roles that are not plain ones of weight 1.
	Roles []Role `toml:"roles,omitempty"`
	// Groups of frameworks.
	Groups []Group `toml:"frameworks"`
	// Phases in their order. Default: a warm-up that is not counted and one that is.
	Phases []Phase `toml:"phases,omitempty"`
}

// Fleet says which agents there are.
type Fleet struct {
	// Shape is a named shape, of Agents agents. Or else Machines says which there are.
	Shape  string `toml:"shape,omitempty"`
	Agents int    `toml:"agents,omitempty"`
	// Links that the agents share; 0 for one per 1,000, at least 4.
	Links    int        `toml:"links,omitempty"`
	Machines []Machines `toml:"machines,omitempty"`
}

// Machines is a generation of machines.
type Machines struct {
	Name       string `toml:"name,omitempty"`
	Count      int    `toml:"count"`
	Resources  string `toml:"resources"`
	Attributes string `toml:"attributes,omitempty"`
	Zones      int    `toml:"zones,omitempty"`
	Racks      int    `toml:"racks,omitempty"`
	Region     string `toml:"region,omitempty"`
}

// Role is a role with a weight or a quota.
type Role struct {
	Name string `toml:"name"`
	// Weight of its share; default 1.
	Weight float64 `toml:"weight,omitempty"`
	// Guarantee and Limit of its quota, such as "cpus:100;mem:4096".
	Guarantee string `toml:"guarantee,omitempty"`
	Limit     string `toml:"limit,omitempty"`
}

// Group is frameworks that behave alike.
type Group struct {
	// Name in tables and plots; default: the kind.
	Name string `toml:"name,omitempty"`
	// Kind fills in what is not said below: see Kinds.
	Kind string `toml:"kind"`
	// Role of all of them; default: the name.
	Role string `toml:"role,omitempty"`
	// Count of frameworks; default 1.
	Count int `toml:"count,omitempty"`
	// CPUs, MemMiB and GPUs of a task.
	CPUs   float64 `toml:"cpus,omitempty"`
	MemMiB float64 `toml:"mem_mib,omitempty"`
	GPUs   float64 `toml:"gpus,omitempty"`
	// TaskTime is the mean length of a task; Spread, below 1, makes it uniform from
	// (1 - Spread) to (1 + Spread) times that.
	TaskTime Duration `toml:"task_time,omitempty"`
	Spread   *float64 `toml:"spread,omitempty"`
	// Endless tasks run until the end.
	Endless bool `toml:"endless,omitempty"`
	// PerSecond is how many tasks the whole group wants to start each second, at random
	// times. 0: as many as offers have room for.
	PerSecond float64 `toml:"per_second,omitempty"`
	// Tasks bounds those that run at once, of the whole group. 0: no bound.
	Tasks int64 `toml:"tasks,omitempty"`
	// Most tasks of one ACCEPT; the rest of the offer goes back.
	Most int `toml:"most,omitempty"`
	// Takes is the part of the agents whose offers are wanted, always the same ones.
	Takes *float64 `toml:"takes,omitempty"`
	// Delay before an offer is answered.
	Delay Duration `toml:"delay,omitempty"`
	// Phases in which the frameworks are there; default all.
	Phases []string `toml:"phases,omitempty"`
}

// Phase is a stretch of time.
type Phase struct {
	Name string   `toml:"name"`
	Time Duration `toml:"time"`
	// Uncounted phases have no rows.
	Uncounted bool `toml:"uncounted,omitempty"`
	// Load multiplies arrivals; default 1.
	Load *float64 `toml:"load,omitempty"`
	// Vanish is the part of the fleet whose links are cut for the phase.
	Vanish float64 `toml:"vanish,omitempty"`
	// Maintenance is the part of the fleet that is announced to be in maintenance for
	// the phase.
	Maintenance float64 `toml:"maintenance,omitempty"`
}

// Duration is written as Go has it: "1m30s".
type Duration time.Duration

// UnmarshalText reads one.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("got %q, want a duration such as 30s or 1m30s", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes one.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Amount of one task.
func (g *Group) Amount() world.Amount {
	return world.Amount{CPUs: g.CPUs, MemMiB: g.MemMiB, GPUs: g.GPUs}
}

// In says whether the frameworks are there in a phase.
func (g *Group) In(phase string) bool {
	for _, p := range g.Phases {
		if p == phase {
			return true
		}
	}
	return len(g.Phases) == 0
}

// Weight of a role.
func (w *Workload) Weight(role string) float64 {
	for _, r := range w.Roles {
		if r.Name == role && r.Weight > 0 {
			return r.Weight
		}
	}
	return 1
}

// Shape of the fleet, and how many agents it has.
func (w *Workload) Shape() (*world.Shape, int, error) {
	if w.Fleet.Shape != "" {
		machines, err := world.MachinesNamed(w.Fleet.Shape)
		if err != nil {
			return nil, 0, err
		}
		s, err := world.NewShape(machines, uint64(w.Seed))
		return s, w.Fleet.Agents, err
	}
	machines := make([]world.Machines, len(w.Fleet.Machines))
	for i, m := range w.Fleet.Machines {
		machines[i] = world.Machines(m)
	}
	s, err := world.NewShape(machines, uint64(w.Seed))
	if err != nil {
		return nil, 0, err
	}
	return s, s.Size(), nil
}
