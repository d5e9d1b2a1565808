package resource

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// Quantity is an amount of a named resource without any metadata.
type Quantity struct {
	Name  string
	Milli int64 // above zero
}

// Quantities are amounts by name, sorted by name, none of them zero. A name that is missing has
// the amount zero. They are what fair share, quota guarantees and minimum offers are made
// of. Immutable like Resources; nil is empty.
type Quantities []Quantity

// ParseQuantities reads "cpus:1;mem:5". Blanks around names and inside numbers are ignored,
// repeated names add up, zeros vanish. Anything but a number of at least zero is an error.
func ParseQuantities(text string) (Quantities, error) {
	var q Quantities
	err := parseAmounts(text, func(name string, milli int64) error {
		q.add(name, milli)
		return nil
	})
	return q, err
}

// FromScalarMap reads the map form of quantities in calls and quota. Values that are negative or
// not numbers are errors.
func FromScalarMap(scalars map[string]*mesos.Value_Scalar) (Quantities, error) {
	q := make(Quantities, 0, len(scalars))
	for name, scalar := range scalars {
		milli, ok := milliFromFloat(scalar.GetValue())
		if !ok || milli < 0 {
			return nil, fmt.Errorf("quantity of %q is %v, must be a number of at least 0", name, scalar.GetValue())
		}
		q.add(name, milli)
	}
	return q, nil
}

// ToScalarMap returns the map form, with new messages.
func (q Quantities) ToScalarMap() map[string]*mesos.Value_Scalar {
	scalars := make(map[string]*mesos.Value_Scalar, len(q))
	for _, x := range q {
		value := FloatFromMilli(x.Milli)
		scalars[x.Name] = &mesos.Value_Scalar{Value: &value}
	}
	return scalars
}

// CreateStrippedScalarQuantity returns the scalars of rs without metadata. A shared volume counts
// once, however many copies there are.
func (rs Resources) CreateStrippedScalarQuantity() Quantities {
	q := make(Quantities, 0, min(len(rs), 8))
	for i := range rs {
		if rs[i].valueType == mesos.Value_SCALAR {
			q.add(rs[i].name, rs[i].milli)
		}
	}
	return q
}

// Quantities returns the amounts of all entries: for ranges the number of points, for sets the number of
// items.
func (rs Resources) Quantities() Quantities {
	q := make(Quantities, 0, min(len(rs), 8))
	for i := range rs {
		q.add(rs[i].name, rs[i].QuantityMilli())
	}
	return q
}

// add adds to a slice that the caller owns.
func (q *Quantities) add(name string, milli int64) {
	if milli == 0 {
		return
	}
	// The lists are short: walking beats a binary search.
	for i := range *q {
		switch at := &(*q)[i]; {
		case at.Name == name:
			at.Milli = addMilli(at.Milli, milli)
			return
		case at.Name > name:
			*q = slices.Insert(*q, i, Quantity{name, milli})
			return
		}
	}
	*q = append(*q, Quantity{name, milli})
}

// AddInPlace adds o to q, which the caller must own: no one else may hold a slice of the same array.
func (q *Quantities) AddInPlace(o Quantities) {
	for _, x := range o {
		q.add(x.Name, x.Milli)
	}
}

// IsEmpty reports whether all amounts are zero.
func (q Quantities) IsEmpty() bool { return len(q) == 0 }

// Get returns the amount of a name in milli-units.
func (q Quantities) Get(name string) int64 {
	for i := range q {
		if q[i].Name == name {
			return q[i].Milli
		}
	}
	return 0
}

// Plus returns the sum.
func (q Quantities) Plus(o Quantities) Quantities {
	if len(o) == 0 {
		return q
	}
	sum := append(make(Quantities, 0, len(q)+len(o)), q...)
	sum.AddInPlace(o)
	return sum
}

// Minus returns the difference; amounts that would be zero or negative vanish.
func (q Quantities) Minus(o Quantities) Quantities {
	rest := make(Quantities, 0, len(q))
	for _, x := range q {
		if x.Milli -= o.Get(x.Name); x.Milli > 0 {
			rest = append(rest, x)
		}
	}
	return rest
}

// Contains reports whether no amount of o is larger than that of q.
func (q Quantities) Contains(o Quantities) bool {
	for i := range o {
		if q.Get(o[i].Name) < o[i].Milli {
			return false
		}
	}
	return true
}

// Equal reports whether all amounts are the same.
func (q Quantities) Equal(o Quantities) bool { return slices.Equal(q, o) }

// String returns "cpus:1; mem:5", or "{}" if there is nothing.
func (q Quantities) String() string {
	if len(q) == 0 {
		return "{}"
	}
	var b strings.Builder
	for i, x := range q {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(x.Name + ":" + FormatMilli(x.Milli))
	}
	return b.String()
}

// ContainsQuantities reports whether rs holds at least q, whatever the metadata of its entries.
func (rs Resources) ContainsQuantities(q Quantities) bool {
	for i := range q {
		var have int64
		for j := range rs {
			if rs[j].name == q[i].Name {
				have = addMilli(have, rs[j].QuantityMilli())
			}
		}
		if have < q[i].Milli {
			return false
		}
	}
	return true
}
