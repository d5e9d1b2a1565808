package resource

import "slices"

// set is the value of a SET resource: sorted, without repetition, immutable. It is behind a
// pointer because sets are rare and entries are many.
type set struct {
	items []string
}

// newSet sorts a copy of items and drops repetitions; nil when there are none.
func newSet(items []string) *set {
	if len(items) == 0 {
		return nil
	}
	sorted := slices.Clone(items)
	slices.Sort(sorted)
	return &set{slices.Compact(sorted)}
}

// list returns the items; a nil set has none.
func (s *set) list() []string {
	if s == nil {
		return nil
	}
	return s.items
}

func (s *set) plus(o *set) *set {
	switch {
	case o == nil:
		return s
	case s == nil:
		return o
	}
	return newSet(append(slices.Clone(s.items), o.items...))
}

func (s *set) minus(o *set) *set {
	if s == nil || o == nil {
		return s
	}
	left := make([]string, 0, len(s.items))
	for _, item := range s.items {
		if _, cut := slices.BinarySearch(o.items, item); !cut {
			left = append(left, item)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return &set{left}
}

func (s *set) contains(o *set) bool {
	if len(o.list()) > len(s.list()) {
		return false
	}
	for _, item := range o.list() {
		if _, found := slices.BinarySearch(s.items, item); !found {
			return false
		}
	}
	return true
}

// appendTo appends the text form {a<sep>b}.
func (s *set) appendTo(b []byte, sep string) []byte {
	b = append(b, '{')
	for i, item := range s.list() {
		if i > 0 {
			b = append(b, sep...)
		}
		b = append(b, item...)
	}
	return append(b, '}')
}
