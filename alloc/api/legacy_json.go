package api

import (
	"slices"

	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

// The unversioned endpoints speak a JSON of their own: flat, with the old names
// (slave for agent), resources as an object of numbers and strings. The writers
// of this file and its neighbours append members in the order in which Mesos
// writes them, each followed by a comma; wire/json's End functions take the last
// comma back.

// object appends a nested object: key, and the members that write appends.
func object(b []byte, key string, write func([]byte) []byte) []byte {
	b = append(append(b, key...), '{')
	return json.EndMap(write(b))
}

// list appends a list: key, and what write appends, elements with their commas.
func list(b []byte, key string, write func([]byte) []byte) []byte {
	b = append(append(b, key...), '[')
	return json.EndList(write(b))
}

// appendStrings appends a list of strings.
func appendStrings(b []byte, key string, values []string) []byte {
	return list(b, key, func(b []byte) []byte {
		for _, v := range values {
			b = append(json.AppendString(b, v), ',')
		}
		return b
	})
}

// message appends a protobuf message in Mesos' JSON.
func message(b []byte, key string, m interface{ AppendJSON([]byte) []byte }) []byte {
	return append(m.AppendJSON(append(b, key...)), ',')
}

// appendResources appends resources as Mesos' old endpoints show them: the four
// well-known scalars always, other scalars if present, ranges and sets as
// strings, revocable ones under a name of their own.
func appendResources(b []byte, key string, rs resource.Resources) []byte {
	b = append(append(b, key...), '{')
	b = appendResourceMembers(b, rs, true)
	return json.EndMap(b)
}

// fixedScalars are shown even if absent, in this order.
var fixedScalars = [...]string{"disk", "mem", "gpus", "cpus"}

func appendResourceMembers(b []byte, rs resource.Resources, fixed bool) []byte {
	var milli [len(fixedScalars)]int64
	others, other := 0, 0
	for i := range rs {
		if f := fixedScalar(rs[i]); f >= 0 {
			milli[f] += rs[i].ScalarMilli()
		} else {
			others, other = others+1, i
		}
	}
	for i, name := range fixedScalars {
		if fixed {
			b = appendMilli(b, name, milli[i])
		}
	}
	switch others {
	case 0:
		return b
	case 1: // ports, mostly; nothing to merge
		r := rs[other]
		return appendOther(b, shownName(r), r.Type(), r.ScalarMilli(), r.Ranges(), r.Items())
	}
	return appendOthers(b, rs.Filter(func(r resource.Resource) bool { return fixedScalar(r) < 0 }))
}

// fixedScalar is which of fixedScalars an entry adds to; -1 if none.
func fixedScalar(r resource.Resource) int {
	if r.Type() != mesos.Value_SCALAR || r.IsRevocable() {
		return -1
	}
	return slices.Index(fixedScalars[:], r.Name())
}

// shownName is the name under which an entry is shown.
func shownName(r resource.Resource) string {
	if r.IsRevocable() {
		return r.Name() + "_revocable"
	}
	return r.Name()
}

func appendMilli(b []byte, name string, milli int64) []byte {
	b = append(json.AppendString(b, name), ':')
	return append(json.AppendDouble(b, float64(milli)/1000), ',')
}

// appendOthers merges entries of one name, whatever their reservations.
func appendOthers(b []byte, entries resource.Resources) []byte {
	names := []string{}
	for _, r := range entries {
		if n := shownName(r); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, n := range names {
		var milli int64
		var ranges resource.Ranges
		var items []string
		var kind mesos.Value_Type
		for _, r := range entries {
			if shownName(r) != n {
				continue
			}
			kind = r.Type()
			milli += r.ScalarMilli()
			ranges = ranges.Plus(r.Ranges())
			items = append(items, r.Items()...)
		}
		b = appendOther(b, n, kind, milli, ranges, items)
	}
	return b
}

func appendOther(b []byte, name string, kind mesos.Value_Type, milli int64, ranges resource.Ranges, items []string) []byte {
	switch kind {
	case mesos.Value_SCALAR:
		b = appendMilli(b, name, milli)
	case mesos.Value_RANGES:
		b = append(json.AppendString(b, name), `:"`...)
		b = append(ranges.AppendString(b), `",`...)
	case mesos.Value_SET:
		b = append(json.AppendString(b, name), ':')
		b = append(json.AppendString(b, setText(items)), ',')
	}
	return b
}

func setText(items []string) string {
	text := "{"
	for i, item := range items {
		if i > 0 {
			text += ", "
		}
		text += item
	}
	return text + "}"
}

// appendQuantities appends amounts by name.
func appendQuantities(b []byte, key string, q resource.Quantities) []byte {
	return object(b, key, func(b []byte) []byte {
		for _, e := range q {
			b = appendMilli(b, e.Name, e.Milli)
		}
		return b
	})
}

// appendFull appends resources as protobuf messages.
func appendFull(b []byte, key string, rs resource.Resources) []byte {
	return list(b, key, func(b []byte) []byte {
		for _, m := range rs.ToProto(resource.Endpoint) {
			b = append(m.AppendJSON(b), ',')
		}
		return b
	})
}

// appendAttributes appends attributes: numbers for scalars, text for the rest.
// Of several with one name the last counts.
func appendAttributes(b []byte, key string, attributes []*mesos.Attribute) []byte {
	return object(b, key, func(b []byte) []byte {
		for i, a := range attributes {
			later := func(o *mesos.Attribute) bool { return o.GetName() == a.GetName() }
			if slices.ContainsFunc(attributes[i+1:], later) {
				continue
			}
			b = append(json.AppendString(b, a.GetName()), ':')
			switch a.GetType() {
			case mesos.Value_SCALAR:
				b = json.AppendDouble(b, a.GetScalar().GetValue())
			case mesos.Value_RANGES:
				b = json.AppendString(b, rangesText(a.GetRanges()))
			case mesos.Value_SET:
				b = json.AppendString(b, setText(a.GetSet().GetItem()))
			default:
				b = json.AppendString(b, a.GetText().GetValue())
			}
			b = append(b, ',')
		}
		return b
	})
}

func rangesText(r *mesos.Value_Ranges) string {
	intervals := make([]resource.Range, 0, len(r.GetRange()))
	for _, i := range r.GetRange() {
		intervals = append(intervals, resource.Range{Begin: i.GetBegin(), End: i.GetEnd()})
	}
	return resource.NewRanges(intervals...).String()
}

// appendLabels appends labels as a list of objects, nothing if there are none.
func appendLabels(b []byte, key string, labels *mesos.Labels) []byte {
	if labels == nil {
		return b
	}
	return list(b, key, func(b []byte) []byte {
		for _, l := range labels.GetLabels() {
			b = append(l.AppendJSON(b), ',')
		}
		return b
	})
}
