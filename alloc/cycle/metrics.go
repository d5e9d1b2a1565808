package cycle

import "fmt"

// Metrics counts what the allocator did.
type Metrics struct {
	Cycles, Offers             uint64
	Agents, Frameworks, Claims int
	Classes, FilterGroups      int
	PausedForRecovery          bool
}

// Metrics returns the counters as of now.
func (a *Allocator) Metrics() Metrics {
	m := a.stats
	m.Agents = a.space.Len()
	m.Frameworks = len(a.frameworks)
	m.Claims = len(a.claims) - len(a.freeClaim)
	m.Classes = len(a.classes.byKey)
	for _, groups := range a.wheel.buckets {
		m.FilterGroups += len(groups)
	}
	m.PausedForRecovery = a.paused
	return m
}

// String prints the counters on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("cycles=%d offers=%d agents=%d frameworks=%d claims=%d classes=%d filter_groups=%d paused=%t",
		m.Cycles, m.Offers, m.Agents, m.Frameworks, m.Claims, m.Classes, m.FilterGroups, m.PausedForRecovery)
}

// Starvation returns how long a framework has not been offered anything in any
// role in which it wants offers, in nanoseconds: the shortest of its roles. 0
// if it wants none.
func (a *Allocator) Starvation(fwID string) int64 {
	fw, err := a.known(fwID)
	if err != nil {
		return 0
	}
	shortest := int64(-1)
	for _, c := range a.sortedClaims(fw) {
		if cl := &a.claims[c]; cl.leaf < 0 || !a.isActive(c) {
			continue
		}
		if s := a.starved(c); shortest < 0 || s < shortest {
			shortest = s
		}
	}
	return max(shortest, 0)
}
