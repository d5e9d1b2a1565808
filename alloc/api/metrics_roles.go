package api

import (
	"slices"
	"time"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/resource"
)

// filterPatience is how long metrics wait for the loop to count filters.
const filterPatience = 500 * time.Millisecond

// activeFilters asks the loop how many refusal filters are in force by role; nil if
// it is too busy to say.
func (s *Server) activeFilters() map[string]int {
	if s.loop == nil {
		return nil
	}
	token := core.Token(s.nextRef())
	ch := s.waiters.add(token)
	if err := s.loop.Submit(&core.CountFilters{Reply: token}, 0); err != nil {
		s.waiters.drop(token)
		return nil
	}
	late := make(chan struct{})
	// In real time, whatever time the cluster is played in.
	timer := clock.Real().AfterFunc(filterPatience, func() { close(late) })
	defer timer.Stop()
	select {
	case a := <-ch:
		answerChannels.Put(ch)
		counts, _ := a.value.(map[string]int)
		return counts
	case <-late:
	case <-s.ctx.Done():
	}
	s.waiters.drop(token)
	return nil
}

// roleMetrics shows how much of the cluster is taken, each role's share, and what
// becomes of quotas and filters.
func (s *Server) roleMetrics(snap *view.Snapshot, total map[string]int64, sum *sums, filters map[string]int, put func(string, float64)) {
	taken := map[string]int64{}
	for _, use := range sum.agents {
		addScalars(taken, use.allocated)
		addScalars(taken, use.offered)
	}
	for _, name := range []string{"cpus", "mem", "disk"} {
		put("allocator/mesos/resources/"+name+"/total", float64(total[name])/1000)
		put("allocator/mesos/resources/"+name+"/offered_or_allocated", float64(taken[name])/1000)
	}
	var everybody resource.Quantities
	for _, r := range rolesOf(snap, sum) {
		put("allocator/mesos/roles/"+r.name+"/shares/dominant", r.share(total, s.opts.ExcludeNames))
		put("allocator/mesos/offer_filters/roles/"+r.name+"/active", float64(filters[r.name]))
		quota := "allocator/mesos/quota/roles/" + r.name + "/resources/"
		consumed := r.consumed()
		putQuantities(put, quota, "/consumed", consumed)
		if len(resource.RoleAncestors(r.name)) == 0 {
			everybody = everybody.Plus(consumed)
		}
		putQuota(put, quota, r)
	}
	// Mesos shows the sum as that of a role without a name.
	putQuantities(put, "allocator/mesos/quota/roles//resources/", "/consumed", everybody)
}

func putQuantities(put func(string, float64), prefix, suffix string, q resource.Quantities) {
	for _, e := range q {
		put(prefix+e.Name+suffix, float64(e.Milli)/1000)
	}
}

// putQuota shows a role's quota and how much of what it speaks of is taken.
func putQuota(put func(string, float64), prefix string, r *role) {
	config := r.rec.GetQuota()
	if config == nil {
		return
	}
	// Amounts come from resources, so they parse.
	guarantees, _ := resource.FromScalarMap(config.GetGuarantees())
	limits, _ := resource.FromScalarMap(config.GetLimits())
	putQuantities(put, prefix, "/guarantee", guarantees)
	putQuantities(put, prefix, "/limit", limits)
	taken := r.allocated.Plus(r.offered).NonRevocable().Unreserved().Quantities()
	for _, named := range []resource.Quantities{guarantees, limits} {
		for _, e := range named {
			put(prefix+e.Name+"/offered_or_allocated", float64(taken.Get(e.Name))/1000)
		}
	}
}

// share is the largest part that the role holds of any resource that fair sharing looks
// at, by its weight.
func (r *role) share(total map[string]int64, exclude []string) float64 {
	share := 0.0
	for _, q := range r.allocated.Plus(r.offered).CreateStrippedScalarQuantity() {
		if total[q.Name] > 0 && !slices.Contains(exclude, q.Name) {
			share = max(share, float64(q.Milli)/float64(total[q.Name]))
		}
	}
	return share / r.weight
}
