package replay

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The transcripts give the second of each response and sort by name. The order
// within a second is found from what is known of how they were made: one script did
// one thing after the other; calls of a session are numbered; reads of a state
// of the cluster were made in one go.

var (
	numbered  = regexp.MustCompile(`^(?:\w+\.)?(\d+)_`)
	inSession = regexp.MustCompile(`^(\w+)\.(.+)$`)
)

// session is the part of a name before the dot, "" if there is none.
func session(e *Exchange) string {
	m := inSession.FindStringSubmatch(e.Name)
	if m == nil || m[2] == "json" {
		return ""
	}
	return m[1]
}

// number is an exchange's place in its session: 0 for the one that opens it,
// -1 if it has none.
func number(e *Exchange) int {
	if m := numbered.FindStringSubmatch(e.Name); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	if e.Name == "SUBSCRIBE" || strings.HasSuffix(e.Name, ".SUBSCRIBE") {
		return 0
	}
	return -1
}

// sequence names the exchanges that were made one after the other in the order of
// their numbers; "" for one that has no number.
func sequence(e *Exchange) string {
	if number(e) < 0 {
		return ""
	}
	return e.Area + "/" + session(e)
}

// placed is an exchange with a guess at its time within the second.
type placed struct {
	*Exchange
	when time.Time
	key  int // breaks ties
}

// Where in its second an exchange is thought to have happened.
const (
	endingBlock   = 0.05 // reads that began in an earlier second
	firstNumbered = 0.20
	lastNumbered  = 0.70
	single        = 0.75 // a read amid a session, if its name doesn't tell
	wholeBlock    = 0.85 // reads begun and ended in this second
	startingBlock = 0.90
)

// afterNews is how long after what an answer tells of it was made, at least.
const afterNews = 5 * time.Millisecond

// inTime sorts the exchanges of a world.
func inTime(exchanges []*Exchange) []*Exchange {
	all := place(exchanges)
	sorted := make([]*Exchange, len(all))
	for i, p := range all {
		sorted[i] = p.Exchange
	}
	return sorted
}

// place gives each exchange its guessed time and sorts by it.
func place(exchanges []*Exchange) []placed {
	all := make([]placed, len(exchanges))
	spans := areaSpans(exchanges)
	for i, e := range exchanges {
		all[i] = placed{e, e.at().Add(fraction(blockFraction(e, spans[e.Area]))), i}
	}
	spreadNumbered(all)
	for i := range all {
		if f, ok := afterNamesake(all, all[i]); ok {
			all[i].when = f
		} else if f, ok := beforeEnd(all, all[i]); ok {
			all[i].when = f
		} else if number(all[i].Exchange) < 0 {
			if told := tellsOf(all[i].Exchange).Add(afterNews); told.After(all[i].when) {
				all[i].when = told
			}
		}
	}
	placePinned(all)
	sort.SliceStable(all, func(i, j int) bool {
		if !all[i].when.Equal(all[j].when) {
			return all[i].when.Before(all[j].when)
		}
		if a, b := rank(all[i].Exchange), rank(all[j].Exchange); a != b {
			return a < b
		}
		return all[i].key < all[j].key
	})
	return all
}

func fraction(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

type span struct {
	first, last time.Time
	block       bool // no exchange of the area is numbered
}

func areaSpans(exchanges []*Exchange) map[string]*span {
	spans := map[string]*span{}
	for _, e := range exchanges {
		t := e.at()
		s := spans[e.Area]
		if s == nil {
			s = &span{first: t, last: t, block: true}
			spans[e.Area] = s
		}
		if t.Before(s.first) {
			s.first = t
		}
		if t.After(s.last) {
			s.last = t
		}
		if number(e) >= 0 {
			s.block = false
		}
	}
	return spans
}

func blockFraction(e *Exchange, s *span) float64 {
	t := e.at()
	switch {
	case !s.block:
		return single
	case s.first.Equal(s.last) && (failures[e.Area] != nil || e.Area == "failover-framework-gone"):
		return endingBlock // what was done to the processes opens the second; or calls follow
	case s.first.Equal(s.last):
		return wholeBlock
	case t.Equal(s.first):
		return startingBlock
	case t.Equal(s.last):
		return endingBlock
	}
	return 0.5
}

// spreadNumbered gives the numbered exchanges of each second and area evenly
// spaced times: sessions one after the other, in the order in which they began.
func spreadNumbered(all []placed) {
	groups := map[string][]*placed{}
	began := map[string]time.Time{}
	for i := range all {
		s := sequence(all[i].Exchange)
		if s == "" {
			continue
		}
		t := all[i].at()
		if b, ok := began[s]; !ok || t.Before(b) {
			began[s] = t
		}
		key := all[i].Area + t.String()
		groups[key] = append(groups[key], &all[i])
	}
	for _, g := range groups {
		sort.SliceStable(g, func(i, j int) bool {
			a, b := sequence(g[i].Exchange), sequence(g[j].Exchange)
			if a != b {
				if !began[a].Equal(began[b]) {
					return began[a].Before(began[b])
				}
				return a < b
			}
			return number(g[i].Exchange) < number(g[j].Exchange)
		})
		for i, p := range g {
			step := (lastNumbered - firstNumbered) * float64(i) / float64(len(g))
			p.when = p.at().Add(fraction(firstNumbered + step))
		}
	}
}

// endings are word stems by which a read's name tells which call it follows:
// slaves_reserved comes after ACCEPT_RESERVE.
var endings = []struct{ inRead, inCall string }{
	{"suppressed", "SUPPRESS"}, {"updated", "58_UPDATE_FRAMEWORK"}, {"reserved", "RESERVE"}, {"_op", "op_with_id"},
	{"acked", "ACKNOWLEDGE_OPERATION"}, {"declined", "DECLINE_INVERSE"}, {"accepted", "ACCEPT_INVERSE"},
	{"GET_OPERATIONS", "RECONCILE_OPERATIONS_implicit"},
	{"drained", "DRAIN"}, {"reactivated", "REACTIVATE"},
}

// beforeEnd places a read of a session that has nothing else to go by before
// the TEARDOWN that ends the session in the same second.
func beforeEnd(all []placed, p placed) (time.Time, bool) {
	s := session(p.Exchange)
	if s == "" || number(p.Exchange) >= 0 {
		return time.Time{}, false
	}
	for _, call := range all {
		if call.Area == p.Area && session(call.Exchange) == s && strings.HasSuffix(call.Name, "_TEARDOWN") && call.at().Equal(p.at()) {
			return call.when.Add(-time.Millisecond), true
		}
	}
	return time.Time{}, false
}

// afterNamesake places an unnumbered exchange right after the last call in its second, or the one
// before, that its name refers to.
func afterNamesake(all []placed, p placed) (time.Time, bool) {
	if number(p.Exchange) >= 0 || rank(p.Exchange) != 0 {
		return time.Time{}, false
	}
	for _, e := range endings {
		if !strings.Contains(p.Name, e.inRead) {
			continue
		}
		var when time.Time
		for _, call := range all {
			if call.Area == p.Area && number(call.Exchange) >= 0 && strings.Contains(call.Name, e.inCall) && call.at().Equal(p.at()) && call.when.After(when) {
				when = call.when
			}
		}
		if !when.IsZero() {
			return when.Add(time.Millisecond), true
		}
	}
	return time.Time{}, false
}
