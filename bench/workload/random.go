package workload

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Random makes a workload from a seed: always the same one from the same seed and
// numbers. Machines come in a few generations, frameworks in groups of all kinds.
func Random(seed int64, agents, frameworks int) *Workload {
	r := rand.New(rand.NewPCG(uint64(seed), 0x9e3779b97f4a7c15))
	w := &Workload{Seed: max(1, seed)}
	generations := min(agents, 1+r.IntN(4))
	for i, n := range split(r, agents, generations) {
		cpus := 8 << r.IntN(5)
		m := Machines{Name: fmt.Sprintf("g%d", i), Count: n,
			Resources: fmt.Sprintf("cpus:%d;mem:%d;disk:%d;ports:[31000-32000]", cpus, cpus*1024*(2<<r.IntN(3)), 1<<(18+r.IntN(4)))}
		if r.IntN(4) == 0 {
			m.Resources += fmt.Sprintf(";gpus:%d", 1<<r.IntN(4))
		}
		if r.IntN(2) == 0 {
			m.Zones, m.Racks = 1+r.IntN(4), 1+r.IntN(40)
		}
		w.Fleet.Machines = append(w.Fleet.Machines, m)
	}
	groups := min(frameworks, 3+r.IntN(6))
	for i, n := range split(r, frameworks, groups) {
		k := kinds[r.IntN(len(kinds))]
		g := Group{Name: fmt.Sprintf("%s-%d", k.name, i), Kind: k.name, Count: n}
		if !k.group.Endless {
			g.TaskTime = Duration(time.Duration(5+r.IntN(55)) * time.Second)
		}
		g.CPUs = float64(1+r.IntN(16)) / 4
		g.MemMiB = g.CPUs * float64(int(512)<<r.IntN(5))
		if !k.group.Endless && r.IntN(3) == 0 {
			// About a tenth of the fleet's smallest machines.
			g.PerSecond = float64(1+r.IntN(agents)) / (10 * g.CPUs)
		}
		w.Groups = append(w.Groups, g)
		if r.IntN(3) == 0 {
			w.Roles = append(w.Roles, Role{Name: g.Name, Weight: float64(1 + r.IntN(4))})
		}
	}
	w.Fill()
	return w
}

// split deals n over parts, at least one each.
func split(r *rand.Rand, n, parts int) []int {
	out := make([]int, parts)
	for i := range out {
		out[i] = 1
	}
	left := n - parts
	for i := range out[:parts-1] {
		some := r.IntN(left + 1)
		out[i] += some
		left -= some
	}
	out[parts-1] += left
	return out
}
