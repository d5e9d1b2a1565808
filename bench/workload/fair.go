package workload

import (
	"math"

	"github.com/caprock/caprock/bench/world"
)

// Claim is what frameworks of a role would run if they could.
type Claim struct {
	Role string
	// Task is what one task needs.
	Task world.Amount
	// Tasks that they want at most; +Inf for no end.
	Tasks float64
}

// Fair returns the dominant share that each role has in the allocation of dominant
// resource fairness (Ghodsi and others, NSDI 2011), of one pool of resources that can be
// cut anywhere: shares rise together, in proportion to their weights, until a resource is
// used up; then those who need none of it rise on. A role's claims rise by equal numbers of
// dominant shares.
func Fair(total world.Amount, claims []Claim, weight func(role string) float64) map[string]float64 {
	roles := map[string]float64{} // claims that still rise, for each role
	state := make([]rising, len(claims))
	for i, c := range claims {
		state[i] = rising{share: c.Task.DominantShare(total)}
		state[i].done = c.Tasks <= 0 || state[i].share == 0
	}
	left := total
	for {
		clear(roles)
		for i, c := range claims {
			if !state[i].done {
				roles[c.Role]++
			}
		}
		// rate is how many tasks each claim gains for a step of the level.
		step, rates := math.Inf(1), make([]float64, len(claims))
		var use world.Amount
		for i, c := range claims {
			if state[i].done {
				continue
			}
			rates[i] = weight(c.Role) / roles[c.Role] / state[i].share
			use = use.Plus(c.Task, rates[i])
			step = min(step, (c.Tasks-state[i].tasks)/rates[i])
		}
		each(left, use, func(have, need float64) { step = min(step, have/need) })
		if math.IsInf(step, 1) {
			break
		}
		left = left.Plus(use, -step)
		for i, c := range claims {
			if state[i].done {
				continue
			}
			state[i].tasks += rates[i] * step
			state[i].done = state[i].tasks >= c.Tasks*(1-1e-9) || exhausted(left, total, c.Task)
		}
	}
	sums := map[string]world.Amount{}
	for i, c := range claims {
		sums[c.Role] = sums[c.Role].Plus(c.Task, state[i].tasks)
	}
	shares := map[string]float64{}
	for role, sum := range sums {
		shares[role] = sum.DominantShare(total)
	}
	return shares
}

// rising is how far a claim has come.
type rising struct {
	share float64 // of one task
	tasks float64
	done  bool
}

// each visits the resources of which something is needed.
func each(have, need world.Amount, visit func(have, need float64)) {
	for _, r := range [][2]float64{{have.CPUs, need.CPUs}, {have.MemMiB, need.MemMiB}, {have.GPUs, need.GPUs}} {
		if r[1] > 0 {
			visit(max(0, r[0]), r[1])
		}
	}
}

// exhausted says whether a resource that a task needs is used up.
func exhausted(left, total, task world.Amount) bool {
	for _, r := range [][3]float64{{left.CPUs, total.CPUs, task.CPUs}, {left.MemMiB, total.MemMiB, task.MemMiB}, {left.GPUs, total.GPUs, task.GPUs}} {
		if r[2] > 0 && r[0] <= r[1]*1e-9 {
			return true
		}
	}
	return false
}
