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
	// where matches the name of the exchange, a space, and the path of the difference.
	where  *regexp.Regexp
	reason string
}

const (
	keepsState   = "the allocator remembers over a restart what Mesos forgets: frameworks, tasks, what was last forwarded of them"
	keepsItsTime = "a framework is no younger for a restart of the allocator"
	refusesTrace = "TRACE is refused, which would echo what a browser must not see"
	wantsHost    = "a request of HTTP/1.1 without Host gets 400, as RFC 9112 demands"
	answersPoor  = "a request that Mesos' parser drops the connection for is answered"
	bothCodecs   = "GET_TASKS shows the tasks of completed frameworks in protobuf as in JSON; Mesos leaves them out of the one"
	showsEnd     = "a task that a TEARDOWN ended is shown with its end"
	noProcess    = "a default executor has no process whose id could be shown"
	namesSignal  = "a container that a signal ended has that signal's wait status"
	sizedAtOnce  = "a terminal has its window_size from the beginning"
	nobodyWaits  = "of a framework that is gone no task waits for an acknowledgement"
	endsAtOnce   = "a command task has no executor that lingers: what it leaves on its agent ends with it"
	nothingToRun = "a task without a command never had a process whose id could be shown"
	noOldData    = "an agent keeps no data of the statuses that a task has had"
	offersComeBy = "whether an offer was out at the moment of the reading"
	killsAtOnce  = "a task group that is shut down has ended at once; the recorded Mesos was still killing it"
	noActors     = "there are no actors: /__processes__ names those that have endpoints"
)

// offers are the places that an offer shows in.
var offers = regexp.MustCompile(`^\S+ body\S*(\.offered\w*(\.\w+)?|\.offers|frameworks\[\d+\]\.resources\.\w+|\.roles\[\d+\]\.resources\S*)$`)

var allowances = []allowance{
	{"failover-*", regexp.MustCompile(`tasks\[\d+\]\.status_update_(state|uuid)$`), keepsState},
	{"failover-master-reco*", regexp.MustCompile(`\.frameworks$|\.tasks$|\.allocated_resources$| body(\.get_roles)?\.roles$| body\.(master/frameworks|frameworks|allocator/mesos/(quota|roles|offer_filters))/`), keepsState},
	{"master-get-variants", regexp.MustCompile(`^TRACE_\S+ status$`), refusesTrace},
	{"master-get-variants", regexp.MustCompile(`^nohost status$`), wantsHost},
	{"master-get-variants", regexp.MustCompile(`^state-pct status$`), answersPoor},
	{"master-v1-pb-*", regexp.MustCompile(`^GET_(TASKS|STATE) body\.(get_state\.)?get_tasks\.completed_tasks$`), bothCodecs},
	{"*", regexp.MustCompile(`agent_state_\w+ body\.completed_frameworks\[\d+\]\.completed_executors\[\d+\]\.completed_tasks\[\d+\]\.(state|statuses)$`), showsEnd},
	{"agent-containers", regexp.MustCompile(`^(03_GET_CONTAINERS_nested|23_containers_all) body\S*status\.executor_pid$`), noProcess},
	{"agent-v1-*-with-group", regexp.MustCompile(`^GET_CONTAINERS\S* body\S*\.container_status\.executor_pid$`), noProcess},
	{"agent-sessions*", regexp.MustCompile(`^GET_CONTAINERS body\S*containers\[0\]\.container_status\.executor_pid$`), noProcess},
	{"agent-containers", regexp.MustCompile(`^12_WAIT_CONTAINER_pb body\.wait_container\.exit_status$`), namesSignal},
	{"agent-sessions*", regexp.MustCompile(`^50_SESSION_tty output STDOUT$`), sizedAtOnce},
	{"agent-v1-*-framework-completed", regexp.MustCompile(`^GET_STATE body\.get_state\.get_tasks\.(completed|terminated)_tasks$`), nobodyWaits},
	{"agent-v1-*-with-volume", regexp.MustCompile(`^GET_(STATE|TASKS) body\.(get_state\.)?get_tasks\.(completed|terminated)_tasks$`), nobodyWaits},
	{"agent-*-with-volume", regexp.MustCompile(`^(containers-show\S* body|GET_CONTAINERS\S* body\.get_containers)$`), endsAtOnce},
	{"scheduler-operations", regexp.MustCompile(`^agent_state_op body\.((completed_)?frameworks|unreserved_resources_allocated\.\w+)$`), endsAtOnce},
	{"agent-v1-*", regexp.MustCompile(`^GET_(STATE|TASKS) body\.(get_state\.)?get_tasks\.completed_tasks\[\d+\]\.statuses\[0\]\.container_status\.executor_pid$`), nothingToRun},
	{"agent-v1-*", regexp.MustCompile(`^GET_(STATE|TASKS) body\.(get_state\.)?get_tasks\.\w+_tasks\[\d+\]\.statuses\[\d+\]\.data$`), noOldData},
	{"master-*-with-volume", offers, offersComeBy},
	{"scheduler-extra2", offers, offersComeBy},
	{"scheduler-operations", offers, offersComeBy},
	{"scheduler", regexp.MustCompile(`^basic\.frameworks_updated body\.frameworks\[0\]\.(executors|offers(\[\d\]\.(resources\.\w+|allocation_info\.role))?|(offered|used)_resources\.\w+|tasks\[\d\]\.(state|statuses))$`), killsAtOnce},
	{"scheduler", regexp.MustCompile(`^failover\.SUBSCRIBE events (FAILURE default-ex2|OFFERS\[0\]\.offers\.offers\[0\]\.(executor_ids|resources\[\d\]\.scalar\.value))$`), killsAtOnce},
	{"scheduler", regexp.MustCompile(`^resub\.SUBSCRIBE events UPDATE g[12]b$`), killsAtOnce},
	{"master-v1-subscribe*", regexp.MustCompile(`^\S+ events SUBSCRIBED\[0\]\.subscribed\.get_state\.get_tasks\.completed_tasks$`), bothCodecs},
	{"*", regexp.MustCompile(`__processes__ body$`), noActors},
	{"failover-master-recovered", regexp.MustCompile(`registered_time$`), keepsItsTime},
}

// allowedIn is the reason why a difference of an exchange is meant, "" if it is not.
func allowedIn(e *Exchange, d Difference) string {
	for _, a := range allowances {
		if ok, _ := path.Match(a.areas, e.Area); ok && a.where.MatchString(e.Name+" "+d.Where) {
			return a.reason
		}
	}
	return ""
}

// Allowed says that something differed and that all of it is meant.
func (r *Result) Allowed() bool {
	for _, d := range r.Differences {
		if allowedIn(r.Exchange, d) == "" {
			return false
		}
	}
	return len(r.Differences) > 0
}
