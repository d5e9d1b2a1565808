package replay

import (
	"path"
	"regexp"
)

// allowance is a difference that is meant, with the reason that docs/compatibility.md
// gives for it. An exchange all of whose differences are allowed is counted apart.
type allowance struct {
	// areas is a pattern of the areas in which it occurs.
	areas string
	// where matches the path of the difference.
	where  *regexp.Regexp
	reason string
}

const (
	keepsState   = "the allocator remembers over a restart what Mesos forgets: frameworks, tasks, what was last forwarded of them"
	keepsItsTime = "a framework is no younger for a restart of the allocator"
)

var allowances = []allowance{
	{"failover-*", regexp.MustCompile(`tasks\[\d+\]\.status_update_(state|uuid)$`), keepsState},
	{"failover-master-reco*", regexp.MustCompile(`\.frameworks$|\.tasks$|\.allocated_resources$|^body(\.get_roles)?\.roles$|^body\.(master/frameworks|frameworks|allocator/mesos/(quota|roles|offer_filters))/`), keepsState},
	{"failover-master-recovered", regexp.MustCompile(`registered_time$`), keepsItsTime},
}

// allowedIn is the reason why a difference is meant in an area, "" if it is not.
func allowedIn(area string, d Difference) string {
	for _, a := range allowances {
		if ok, _ := path.Match(a.areas, area); ok && a.where.MatchString(d.Where) {
			return a.reason
		}
	}
	return ""
}

// Allowed says that something differed and that all of it is meant.
func (r *Result) Allowed() bool {
	for _, d := range r.Differences {
		if allowedIn(r.Area, d) == "" {
			return false
		}
	}
	return len(r.Differences) > 0
}
