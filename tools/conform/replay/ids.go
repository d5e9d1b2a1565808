package replay

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
)

// Ids maps what one run of a cluster called things to what another calls
// them. Safe for concurrent use.
type Ids struct {
	mu     sync.Mutex
	toLive map[string]string // guarded by mu
	pairs  *strings.Replacer // guarded by mu; nil after a change
	// before is what the cluster had before these ids; nil: nothing. Set before use.
	before *before
}

func newIds() *Ids { return &Ids{toLive: map[string]string{}} }

const uuidPattern = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var (
	// idPattern finds ids inside texts: of masters, frameworks (…-0003), agents
	// (…-S0), offers (…-O7), streams and containers.
	idPattern = regexp.MustCompile(uuidPattern + `(?:-S\d+|-O\d+|-\d{4,})?`)
	offerID   = regexp.MustCompile(`^` + uuidPattern + `-O\d+$`)
	agentID   = regexp.MustCompile(`^` + uuidPattern + `-S\d+$`)
	fwID      = regexp.MustCompile(`^` + uuidPattern + `-\d{4,}$`)
	plainUUID = regexp.MustCompile(`^` + uuidPattern + `$`)
	// uuid16 is the base64 of 16 bytes, as uuids are in JSON.
	uuid16 = regexp.MustCompile(`^[A-Za-z0-9+/]{22}==$`)
	// recordedAddress is a socket of the recorded run.
	recordedAddress = regexp.MustCompile(`127\.0\.0\.1:150\d\d|localhost:150\d\d`)
)

// Bind notes that what was recorded as one id is the other here. The first
// binding stays.
func (ids *Ids) Bind(recorded, live string) {
	if recorded == "" || live == "" {
		return
	}
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if _, ok := ids.toLive[recorded]; !ok {
		ids.toLive[recorded] = live
		ids.pairs = nil
	}
}

// Live returns the live name of a recorded id.
func (ids *Ids) Live(recorded string) (string, bool) {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	live, ok := ids.toLive[recorded]
	return live, ok
}

// Replace puts live names in the place of all recorded ones that are known.
func (ids *Ids) Replace(text string) string {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	if ids.pairs == nil {
		// Longer first, since a framework's id begins with its master's.
		recorded := make([]string, 0, len(ids.toLive))
		for r := range ids.toLive {
			recorded = append(recorded, r)
		}
		sort.Slice(recorded, func(i, j int) bool {
			if len(recorded[i]) != len(recorded[j]) {
				return len(recorded[i]) > len(recorded[j])
			}
			return recorded[i] < recorded[j]
		})
		var oldnew []string
		for _, r := range recorded {
			oldnew = append(oldnew, r, ids.toLive[r])
		}
		ids.pairs = strings.NewReplacer(oldnew...)
	}
	return ids.pairs.Replace(text)
}

// trial collects bindings that hold only if a comparison succeeds.
type trial struct {
	ids  *Ids
	over *trial // outer trial, nil at the bottom
	new  map[string]string
}

func (ids *Ids) try() *trial   { return &trial{ids: ids, new: map[string]string{}} }
func (t *trial) try() *trial   { return &trial{ids: t.ids, over: t, new: map[string]string{}} }
func (t *trial) merge(u trial) { t.take(u.new) }

func (t *trial) take(bindings map[string]string) {
	for r, l := range bindings {
		if _, ok := t.new[r]; !ok {
			t.new[r] = l
		}
	}
}

func (t *trial) commit() {
	for r, l := range t.new {
		t.ids.Bind(r, l)
	}
}

func (t *trial) live(recorded string) (string, bool) {
	for at := t; at != nil; at = at.over {
		if live, ok := at.new[recorded]; ok {
			return live, true
		}
	}
	return t.ids.Live(recorded)
}

// unify checks that live is recorded with its ids replaced, binding those that
// had no counterpart yet. The text between ids must be equal. Offers' ids are
// free: how often a cluster is cut into offers depends on timing.
func (t *trial) unify(recorded, live string) error {
	where := idPattern.FindAllStringIndex(recorded, -1)
	if where == nil {
		if recorded != live {
			return fmt.Errorf("got %s, want %s", clip(live), clip(recorded))
		}
		return nil
	}
	rest, from := live, 0
	for _, w := range where {
		between, id := recorded[from:w[0]], recorded[w[0]:w[1]]
		from = w[1]
		if !strings.HasPrefix(rest, between) {
			return fmt.Errorf("got %s, want %s", clip(live), clip(recorded))
		}
		rest = rest[len(between):]
		bound, known := t.live(id)
		if known && strings.HasPrefix(rest, bound) {
			rest = rest[len(bound):]
			continue
		}
		got := idPattern.FindStringIndex(rest)
		if got == nil || got[0] != 0 || kindOf(rest[:got[1]]) != kindOf(id) {
			return fmt.Errorf("got %s, want an id such as %s", clip(live), clip(recorded))
		}
		if known && !offerID.MatchString(id) {
			return fmt.Errorf("got %s, want %s: the id known as %s elsewhere", clip(live), clip(bound), clip(id))
		}
		if !offerID.MatchString(id) {
			t.new[id] = rest[:got[1]]
		}
		rest = rest[got[1]:]
	}
	if rest != recorded[from:] {
		return fmt.Errorf("got %s, want %s", clip(live), clip(recorded))
	}
	return nil
}

// kindOf is the class of an id: its form without its digits.
func kindOf(id string) string {
	switch {
	case offerID.MatchString(id):
		return "offer"
	case agentID.MatchString(id):
		return "agent"
	case fwID.MatchString(id):
		return "framework"
	}
	return "uuid"
}

// clip shortens a text for a report.
func clip(text string) string {
	const limit = 160
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return fmt.Sprintf("%q", text)
}
