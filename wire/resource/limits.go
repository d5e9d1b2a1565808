package resource

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// Limits are upper bounds by name, sorted by name. A name that is missing is not limited; a
// limit may be zero. They are what quota limits are made of. Immutable; nil limits nothing.
type Limits []Quantity

// ParseLimits reads "cpus:1;mem:0". A name given twice is an error.
func ParseLimits(text string) (Limits, error) {
	var l Limits
	err := parseAmounts(text, func(name string, milli int64) error {
		if _, given := l.Get(name); given {
			return fmt.Errorf("limit of %q is given twice", name)
		}
		l.set(name, milli)
		return nil
	})
	return l, err
}

// LimitsFromScalarMap reads the map form of limits in quota. Values that are negative or not
// numbers are errors.
func LimitsFromScalarMap(scalars map[string]*mesos.Value_Scalar) (Limits, error) {
	l := make(Limits, 0, len(scalars))
	for name, scalar := range scalars {
		milli, ok := milliFromFloat(scalar.GetValue())
		if !ok || milli < 0 {
			return nil, fmt.Errorf("limit of %q is %v, must be a number of at least 0", name, scalar.GetValue())
		}
		l.set(name, milli)
	}
	return l, nil
}

// ToScalarMap returns the map form, with new messages.
func (l Limits) ToScalarMap() map[string]*mesos.Value_Scalar {
	return Quantities(l).ToScalarMap()
}

// set sets a limit in a slice that the caller owns.
func (l *Limits) set(name string, milli int64) {
	at, found := slices.BinarySearchFunc(*l, name, func(q Quantity, name string) int {
		return strings.Compare(q.Name, name)
	})
	if found {
		(*l)[at].Milli = milli
		return
	}
	*l = slices.Insert(*l, at, Quantity{name, milli})
}

// Get returns the limit of a name in milli-units; limited is false if there is none.
func (l Limits) Get(name string) (milli int64, limited bool) {
	for i := range l {
		if l[i].Name == name {
			return l[i].Milli, true
		}
	}
	return 0, false
}

// Allow reports whether q is within all limits.
func (l Limits) Allow(q Quantities) bool {
	for i := range l {
		if q.Get(l[i].Name) > l[i].Milli {
			return false
		}
	}
	return true
}

// Contains reports whether whatever o allows, l allows as well.
func (l Limits) Contains(o Limits) bool {
	for i := range l {
		if other, limited := o.Get(l[i].Name); !limited || other > l[i].Milli {
			return false
		}
	}
	return true
}

// Minus returns what remains of the limits when q is used. No limit falls below zero.
func (l Limits) Minus(q Quantities) Limits {
	rest := slices.Clone(l)
	for i := range rest {
		rest[i].Milli = max(0, rest[i].Milli-q.Get(rest[i].Name))
	}
	return rest
}

// Equal reports whether the same names have the same limits.
func (l Limits) Equal(o Limits) bool { return slices.Equal(l, o) }

// String returns "cpus:1; mem:0", or "{}" if nothing is limited.
func (l Limits) String() string { return Quantities(l).String() }
