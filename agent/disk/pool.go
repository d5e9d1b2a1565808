package disk

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/caprock/caprock/wire/resource"
)

// Range is of project ids, both ends included.
type Range struct{ From, To uint32 }

// ParseRange reads ids as Mesos' xfs_project_range has them, "[5000-10000]" or
// several ranges with commas between. Id 0 stands for no project and is refused.
func ParseRange(text string) ([]Range, error) {
	list, err := resource.Parse("projects:"+text, "*")
	if err != nil {
		return nil, fmt.Errorf("xfs_project_range: got %q, want ranges such as [5000-10000]: %w", text, err)
	}
	var out []Range
	for _, m := range list.ToProto(resource.PostRefinement) {
		for _, r := range m.GetRanges().GetRange() {
			if r.GetBegin() == 0 || r.GetEnd() > math.MaxUint32 {
				return nil, fmt.Errorf("xfs_project_range: got %d-%d, want ids from 1 to %d", r.GetBegin(), r.GetEnd(), uint32(math.MaxUint32))
			}
			out = append(out, Range{uint32(r.GetBegin()), uint32(r.GetEnd())})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("xfs_project_range: got %q, want ranges such as [5000-10000]", text)
	}
	slices.SortFunc(out, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	return out, nil
}

// pool knows which ids of some ranges are whose. Ids outside of them may be in use
// too: the ranges were others once.
type pool struct {
	ranges []Range
	// owners are directories, by id; used counts those within the ranges.
	owners map[uint32]string
	ids    map[string]uint32 // by directory
	used   uint64
}

func newPool(ranges []Range) *pool {
	return &pool{ranges: ranges, owners: map[uint32]string{}, ids: map[string]uint32{}}
}

func (p *pool) take(id uint32, dir string) {
	p.owners[id], p.ids[dir] = dir, id
	if p.contains(id) {
		p.used++
	}
}

func (p *pool) giveBack(id uint32) {
	dir := p.owners[id]
	delete(p.owners, id)
	if p.ids[dir] == id {
		delete(p.ids, dir)
	}
	if p.contains(id) {
		p.used--
	}
}

func (p *pool) contains(id uint32) bool {
	return slices.ContainsFunc(p.ranges, func(r Range) bool { return r.From <= id && id <= r.To })
}

func (p *pool) total() uint64 {
	var n uint64
	for _, r := range p.ranges {
		n += uint64(r.To-r.From) + 1
	}
	return n
}

// lowest returns the lowest id that nobody has and that is fit.
func (p *pool) lowest(fit func(uint32) (bool, error)) (uint32, error) {
	for _, r := range p.ranges {
		for id := uint64(r.From); id <= uint64(r.To); id++ {
			if _, used := p.owners[uint32(id)]; used {
				continue
			}
			if ok, err := fit(uint32(id)); err != nil || ok {
				return uint32(id), err
			}
		}
	}
	return 0, fmt.Errorf("assign a project id: all %d of the range are in use", p.total())
}
