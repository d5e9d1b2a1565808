package resource

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// FromProto reads messages in any of the three formats of reservations, also mixed, and merges them.
// It fails on the first that Mesos' general validation of resources refuses, naming what is
// wrong. Empty amounts are valid and leave no entry. The messages are not kept.
//
// Rules that depend on what the resources are for are apart: see Validate and the functions in
// setrules.go.
func FromProto(list []*mesos.Resource) (Resources, error) {
	if len(list) == 0 {
		return nil, nil
	}
	rs := make(Resources, len(list))
	for i, message := range list {
		r, err := EntryFromProto(message)
		if err != nil {
			return nil, err
		}
		rs[i] = r
	}
	return rs.merge(), nil
}

// EntryFromProto reads one message as FromProto does. The entry may be empty.
func EntryFromProto(message *mesos.Resource) (Resource, error) {
	r, err := entryFromProto(message)
	if err != nil {
		return Resource{}, fmt.Errorf("resource %q is invalid: %w", message.GetName(), err)
	}
	return r, nil
}

func entryFromProto(message *mesos.Resource) (Resource, error) {
	if err := checkFormat(message); err != nil {
		return Resource{}, err
	}
	kind, err := internKind(message)
	if err != nil {
		return Resource{}, err
	}
	r := Resource{Kind: kind, copies: 1}
	err = r.readValue(message)
	return r, err
}

// readValue reads the member that the type asks for and refuses the others.
func (r *Resource) readValue(m *mesos.Resource) error {
	hasScalar, hasRanges, hasSet := m.Scalar != nil, m.Ranges != nil, m.Set != nil
	switch r.valueType {
	case mesos.Value_SCALAR:
		if !hasScalar || hasRanges || hasSet {
			return errors.New("type SCALAR needs scalar and nothing else")
		}
		return r.readScalar(m.Scalar.GetValue())
	case mesos.Value_RANGES:
		if hasScalar || !hasRanges || hasSet {
			return errors.New("type RANGES needs ranges and nothing else")
		}
		return r.readRanges(m.Ranges.GetRange())
	default:
		if hasScalar || hasRanges || !hasSet {
			return errors.New("type SET needs set and nothing else")
		}
		return r.readSet(m.Set.GetItem())
	}
}

func (r *Resource) readScalar(value float64) error {
	milli, ok := milliFromFloat(value)
	if !ok {
		return fmt.Errorf("scalar %v is not a number of at most %d", value, int64(1<<63/milliPerUnit))
	}
	if value != 0 && milli <= 0 {
		return fmt.Errorf("scalar %v is not above zero when rounded to three decimals", value)
	}
	r.milli = milli
	return nil
}

func (r *Resource) readRanges(list []*mesos.Value_Range) error {
	ranges := make(Ranges, 0, len(list))
	for _, m := range list {
		next := Range{m.GetBegin(), m.GetEnd()}
		if next.Begin > next.End {
			return fmt.Errorf("range %d-%d begins after its end", next.Begin, next.End)
		}
		ranges = append(ranges, next)
	}
	slices.SortFunc(ranges, compareBegin)
	for i := 1; i < len(ranges); i++ {
		if a, b := ranges[i-1], ranges[i]; b.Begin <= a.End {
			return fmt.Errorf("ranges %d-%d and %d-%d overlap", a.Begin, a.End, b.Begin, b.End)
		}
	}
	r.ranges = ranges.coalesce()
	return nil
}

func (r *Resource) readSet(items []string) error {
	for i, item := range items {
		// A short list is quicker to compare than to sort, and its order tells the
		// position; long ones are left to the check of lengths below.
		if len(items) <= 16 && slices.Contains(items[:i], item) {
			return fmt.Errorf("set item %q occurs twice", item)
		}
	}
	r.set = newSet(items)
	if len(r.set.list()) != len(items) {
		return errors.New("set holds an item twice")
	}
	return nil
}
