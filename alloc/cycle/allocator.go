package cycle

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/caprock/caprock/alloc/drf"
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// Allocator decides who is offered what. One goroutine at a time may use it,
// except for Usage. Times are nanoseconds on a monotonic scale of the caller's.
type Allocator struct {
	opts  Options
	now   int64
	names *drf.Names
	rng   random

	agents map[string]shard.Slot
	space  *shard.Space
	hold   holdings

	frameworks map[string]int32
	fws        []framework
	freeFw     []int32

	roleIDs  map[string]int32
	roles    []role
	freeRole []int32
	roleTree *drf.Tree

	claims    []claim
	freeClaim []int32
	ownMinima int      // claims with a minimum of their own
	active    []uint64 // claims that take part in stage 2, as a bitset

	classes  classTable
	total    []int64 // scalars of all agents
	excluded []bool
	quotas   int // roles with a quota
	hints    int // claims with a request
	// hostClaims is the number of claims with constraints on host names.
	hostClaims int

	whitelist map[string]struct{} // nil: every host

	wheel       wheel
	periodic    int64 // when the next periodic cycle is due
	periodicGen int64 // number of periodic timers made so far
	paused      bool
	expected    int    // agents to wait for, -1: not waiting
	resume      moment // zero: no recovery timer

	all        bool // every agent is a candidate
	candidates *roaring.Bitmap

	rests   restTable
	lists   listTable // of offers
	run     run
	scratch scratch
	stats   Metrics
	checks  checks // under the tag invariants
}

// scratch is memory that calls use and leave.
type scratch struct {
	vec, unres, reserved, all []int64
	slots                     []shard.Slot
}

// New returns an allocator without agents or frameworks. The first periodic
// cycle is due one interval after time 0.
func New(opts Options) *Allocator {
	opts.ensureDefaults()
	a := &Allocator{
		opts:       opts,
		names:      drf.NewNames(),
		rng:        random{opts.Seed},
		agents:     make(map[string]shard.Slot),
		frameworks: make(map[string]int32),
		roleIDs:    make(map[string]int32),
		roleTree:   drf.NewTree(true),
		periodic:   opts.IntervalNanos,
		expected:   -1,
		candidates: roaring.New(),
	}
	a.periodicGen = 1
	a.space = shard.NewSpace(opts.Shards, a.names.Stride())
	a.hold.stride = a.names.Stride()
	a.classes.init()
	a.wheel.init()
	a.roles = append(a.roles, role{parent: -1, top: -1, leaf: drf.NoLeaf}) // the root, which holds the sums
	for _, name := range opts.ExcludeNames {
		d := a.dim(name)
		for len(a.excluded) <= d {
			a.excluded = append(a.excluded, false)
		}
		a.excluded[d] = true
	}
	a.widen()
	return a
}

// dim returns the dimension of a scalar's name; a new name may change the
// stride of every vector.
func (a *Allocator) dim(name string) int {
	switch name {
	case "cpus":
		return drf.DimCPUs
	case "mem":
		return drf.DimMem
	case "disk":
		return drf.DimDisk
	case "gpus":
		return drf.DimGPUs
	}
	if d, ok := a.names.Dim(name); ok {
		return d
	}
	d := a.names.Intern(name)
	if a.names.Stride() > a.space.Stride() {
		a.widen()
	}
	return d
}

// widen gives every vector as many elements as there are dimensions.
func (a *Allocator) widen() {
	n := a.names.Stride()
	a.space.Widen(n)
	a.hold.widen(n)
	a.total = drf.Grow(a.total, n)
	for i := range a.roles {
		a.roles[i].widen(n)
	}
	a.roleTree.SetCluster(a.total, a.excluded)
	for i := range a.roles {
		if t := a.roles[i].tree; t != nil {
			t.SetCluster(a.total, a.excluded)
		}
	}
	s := &a.scratch
	for _, v := range []*[]int64{&s.vec, &s.unres, &s.reserved, &s.all} {
		*v = drf.Grow(*v, n)
	}
	a.run.widen(n)
}

// clusterChanged tells every tree the new total, at the next cycle.
func (a *Allocator) clusterChanged() { a.run.totalChanged = true }

// isPlain says whether a resource is kept in the vectors of the tables.
func isPlain(k *resource.Kind) bool {
	return k.Type() == scalarType && !k.IsReserved() && k.Disk() == nil &&
		!k.IsRevocable() && !k.IsShared() && !k.HasProvider()
}

// split adds the plain scalars of rs to vec and returns the rest, unallocated.
func (a *Allocator) split(rs resource.Resources, vec func() []int64) resource.Resources {
	others := 0
	for i := range rs {
		if k := rs[i].Kind; isPlain(k) {
			d := a.dim(k.Name()) // may replace the vectors
			vec()[d] += rs[i].ScalarMilli()
		} else {
			others++
		}
	}
	if others == 0 {
		return nil
	}
	if others == len(rs) {
		return a.rests.share(rs.Unallocate())
	}
	rest := make(resource.Resources, 0, others)
	for i := range rs {
		if !isPlain(rs[i].Kind) {
			rest = append(rest, rs[i])
		}
	}
	return a.rests.share(rest.Unallocate())
}

// splitScratch is split into the zeroed scratch vector.
func (a *Allocator) splitScratch(rs resource.Resources) ([]int64, resource.Resources) {
	clear(a.scratch.vec)
	rest := a.split(rs, func() []int64 { return a.scratch.vec })
	return a.scratch.vec, rest
}

// merge is the opposite of split.
func (a *Allocator) merge(vec []int64, rest resource.Resources) resource.Resources {
	var rs resource.Resources
	for d, x := range vec {
		if x > 0 {
			rs = append(rs, resource.NewScalar(a.names.Name(d), x))
		}
	}
	return rs.Plus(rest)
}

// Usage adds up what all agents have and what of it is neither offered nor
// allocated, in unreserved, non-revocable scalars without disk or provider.
// It may be called from any goroutine.
func (a *Allocator) Usage() (total, available []int64) { return a.space.Usage() }

// DimensionNames returns the names of the elements of quantity vectors.
func (a *Allocator) DimensionNames() []string {
	out := make([]string, a.names.Len())
	for d := range out {
		out[d] = a.names.Name(d)
	}
	return out
}
