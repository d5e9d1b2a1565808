package replay

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strings"
)

// Difference is one thing that is not as recorded.
type Difference struct {
	// Where is a path into the response: status, header Allow, body.frameworks[0].id …
	Where string
	What  string
}

func (d Difference) String() string { return d.Where + ": " + d.What }

// comparison walks two trees at once.
type comparison struct {
	ids  *trial
	json bool // numbers have a form (1 or 1.0) that is compared
	diff []Difference
}

func (c *comparison) report(where, format string, args ...any) {
	c.diff = append(c.diff, Difference{where, fmt.Sprintf(format, args...)})
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}

// value compares what stands under key in an object that itself stands under
// parent.
func (c *comparison) value(where, parent, key string, recorded, live any, within strictness) {
	if typeName(recorded) != typeName(live) {
		c.report(where, "got %s, want %s", typeName(live), typeName(recorded))
		return
	}
	if ownTrees[key] {
		return
	}
	how := within
	if how == equal {
		how = determined(parent, key, recorded)
	}
	switch r := recorded.(type) {
	case map[string]any:
		c.object(where, key, r, live.(map[string]any), within == free || freeTrees[key])
	case []any:
		c.list(where, parent, key, r, live.([]any), within)
	case json.Number:
		c.number(where, r, live.(json.Number), how)
	case string:
		c.text(where, key, r, live.(string), how)
	case bool:
		if how == equal && r != live.(bool) {
			c.report(where, "got %v, want %v", live, r)
		}
	}
}

func (c *comparison) object(where, key string, recorded, live map[string]any, isFree bool) {
	within := equal
	if isFree {
		within = free
	}
	seen := make(map[string]bool, len(recorded))
	race := inRace(key, recorded)
	for _, k := range sortedKeys(recorded) {
		// Keys can be ids, and paths of the machine.
		as := c.ids.replace(k)
		if recordedPath.MatchString(k) {
			continue
		}
		seen[as] = true
		l, ok := live[as]
		if !ok {
			if optionalKeys[k] || race && racing[k] || c.ids.onlyElsewhere(k) {
				continue
			}
			c.report(where+"."+k, "is missing; want %s", sample(recorded[k]))
			continue
		}
		c.value(where+"."+k, key, k, recorded[k], l, within)
	}
	if isFree {
		return
	}
	for _, k := range sortedKeys(live) {
		if !seen[k] && !optionalKeys[k] && !(race && racing[k]) && !c.ids.emptied(live[k]) {
			c.report(where+"."+k, "is too much; got %s", sample(live[k]))
		}
	}
}

func (t *trial) replace(text string) string {
	text = t.ids.Replace(text)
	for at := t; at != nil; at = at.over {
		for r, l := range at.new {
			text = strings.ReplaceAll(text, r, l)
		}
	}
	return text
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func sample(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 120 {
		return string(text[:120]) + "…"
	}
	return string(text)
}

func (c *comparison) number(where string, recorded, live json.Number, how strictness) {
	if c.json && isFloat(recorded) != isFloat(live) {
		c.report(where, "got the number %s, want it written as %s is", live, recorded)
		return
	}
	r, _ := recorded.Float64()
	l, _ := live.Float64()
	switch how {
	case zeroness:
		if (r == 0) != (l == 0) {
			c.report(where, "got %s, want %s", live, recorded)
		}
	case equal:
		if math.Abs(r-l) > 1e-9*math.Max(1, math.Abs(r)) {
			c.report(where, "got %s, want %s", live, recorded)
		}
	}
}

func isFloat(n json.Number) bool { return strings.ContainsAny(string(n), ".eE") }

func (c *comparison) text(where, key, recorded, live string, how strictness) {
	switch how {
	case prose:
		if live == "" || strings.Contains(strings.TrimSuffix(live, "\n"), "\n") {
			c.report(where, "got %s, want one line of text", clip(live))
		}
	case equal:
		if key != "data" && uuid16.MatchString(recorded) {
			c.uuid(where, recorded, live)
			return
		}
		if err := c.ids.unify(recorded, live); err != nil {
			c.report(where, "%v", err)
		}
	}
}

// uuid compares 16 random bytes in base64.
func (c *comparison) uuid(where, recorded, live string) {
	if !uuid16.MatchString(live) {
		c.report(where, "got %s, want 16 bytes in base64", clip(live))
		return
	}
	if bound, ok := c.ids.live(recorded); !ok {
		c.ids.new[recorded] = live
	} else if bound != live {
		c.report(where, "got %s, want %s: the uuid known as %s elsewhere", live, bound, recorded)
	}
}

// list pairs the elements of two lists and compares the pairs. The order
// counts only where it means something.
func (c *comparison) list(where, parent, key string, recorded, live []any, within strictness) {
	if len(recorded) != len(live) && within != free {
		c.report(where, "got %d elements, want %d%s", len(live), len(recorded), missing(recorded, live))
	}
	pairs := c.pair(parent, key, recorded, live, within)
	if len(recorded) == len(live) && len(pairs) < len(recorded) && within != free {
		c.report(where, "has other elements than it should%s", missing(recorded, live))
	}
	for _, p := range pairs {
		sub := comparison{ids: c.ids.try(), json: c.json}
		sub.value(fmt.Sprintf("%s[%d]", where, p.recorded), parent, key, recorded[p.recorded], live[p.live], within)
		c.diff = append(c.diff, sub.diff...)
		// A pair that was only guessed binds ids only if the guess was right.
		if p.sure || len(sub.diff) == 0 {
			c.ids.merge(*sub.ids)
		}
	}
}

// missing names what one list has and the other has not, when both are short
// lists of texts or of things with a name.
func missing(recorded, live []any) string {
	name := func(v any) string {
		if s, ok := v.(string); ok {
			return s
		}
		return textAt(v, "name")
	}
	have := map[string]int{}
	for _, v := range live {
		have[name(v)]++
	}
	var words []string
	for _, v := range recorded {
		if n := name(v); n != "" && have[n] == 0 {
			words = append(words, n)
		} else {
			have[n]--
		}
	}
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf(" (no %s)", strings.Join(words, ", "))
}

type pair struct {
	recorded, live int
	sure           bool
}

// pair decides which elements belong together: by identity if every element
// has one, by place if the order counts, else each recorded one with what is most like it.
func (c *comparison) pair(parent, key string, recorded, live []any, within strictness) []pair {
	if key == "statuses" {
		return inOrder(recorded, live)
	}
	if pairs, ok := c.byIdentity(recorded, live); ok {
		return pairs
	}
	if len(recorded)*len(live) > 2500 {
		return inOrder(recorded, live)
	}
	return c.byLikeness(parent, key, recorded, live, within)
}

func inOrder(recorded, live []any) []pair {
	var pairs []pair
	for i := range min(len(recorded), len(live)) {
		pairs = append(pairs, pair{i, i, true})
	}
	return pairs
}

// identities are the paths that can name an element of a list.
var identities = [][]string{
	{"task_id", "value"}, {"framework_info", "id", "value"}, {"agent_info", "id", "value"}, {"executor_info", "executor_id", "value"},
	{"operation_id", "value"}, {"machine_id", "ip"}, {"id"}, {"id", "value"}, {"name"}, {"key"}, {"path"}, {"container_id", "value"},
}

func (c *comparison) byIdentity(recorded, live []any) ([]pair, bool) {
	for _, path := range identities {
		want, ok := c.index(recorded, path, true)
		if !ok {
			continue
		}
		have, ok := c.index(live, path, false)
		if !ok {
			return nil, false
		}
		var pairs []pair
		unmatched := false
		for i, v := range recorded {
			if j, ok := have[c.ids.replace(textAt(v, path...))]; ok {
				pairs = append(pairs, pair{i, j, true})
			} else if idPattern.MatchString(textAt(v, path...)) {
				unmatched = true
			}
		}
		// An id without a counterpart so far identifies nothing; a name that only one side
		// has is a difference.
		if unmatched && len(pairs) < min(len(want), len(have)) {
			return nil, false
		}
		return pairs, true
	}
	return nil, false
}

// index maps identity to place; ok if each element has one of its own.
func (c *comparison) index(list []any, path []string, recorded bool) (map[string]int, bool) {
	at := make(map[string]int, len(list))
	for i, v := range list {
		id := textAt(v, path...)
		if recorded {
			id = c.ids.replace(id)
		}
		if _, twice := at[id]; twice || id == "" {
			return nil, false
		}
		at[id] = i
	}
	return at, len(list) > 0
}

func (c *comparison) byLikeness(parent, key string, recorded, live []any, within strictness) []pair {
	var pairs []pair
	used := make([]bool, len(live))
	for i, r := range recorded {
		best, least := -1, math.MaxInt
		for j, l := range live {
			if used[j] {
				continue
			}
			sub := comparison{ids: c.ids.try(), json: c.json}
			sub.value("", parent, key, r, l, within)
			if len(sub.diff) < least {
				best, least = j, len(sub.diff)
			}
			if least == 0 {
				break
			}
		}
		if best >= 0 {
			used[best] = true
			pairs = append(pairs, pair{i, best, false})
		}
	}
	return pairs
}
