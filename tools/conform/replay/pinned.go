package replay

import (
	"sort"
	"strings"
	"time"
)

// pinned lists exchanges of known recordings in the order that their answers imply
// (a reservation before the volume in it), where neither number nor second tells.
// Names are area/name; {a,b} stands for several. An exchange of a listed area that
// is not listed itself follows the listed one whose name is most like its own.
var pinned = expand(`
master-v1-writes/UPDATE_WEIGHTS{,_zero,_neg,_badrole,_emptyrole}
master-v1-writes/GET_WEIGHTS_after{,_pb}
master-v1-writes/UPDATE_QUOTA_force
master-v1-writes/GET_QUOTA_after{,_pb}
master-v1-writes/roles_after
master-v1-writes/UPDATE_QUOTA_{overcommit,limit_only,limit_lt_guarantee,badrole,child_gt_parent,dup,star,clear}
master-v1-writes/SET_QUOTA
master-v1-writes/GET_QUOTA_set
master-v1-writes/REMOVE_QUOTA
master-v1-writes/UPDATE_MAINTENANCE_{SCHEDULE,dup,emptymachine,negdur,nomachines}
master-v1-writes/GET_MAINTENANCE_SCHEDULE_after{,_pb}
master-v1-writes/maintenance_{schedule,status}_after
master-v1-writes/START_MAINTENANCE{_unscheduled,,_again}
master-v1-writes/GET_MAINTENANCE_STATUS_down
master-v1-writes/maintenance_status_down
master-v1-writes/UPDATE_MAINTENANCE_remove_down
master-v1-writes/STOP_MAINTENANCE
master-legacy-writes/weights_put{,_bad,_obj}
master-legacy-writes/quota_post{,_again,_norole,_empty,_ranges,_dupname,_noforce}
master-legacy-writes/quota_get
master-legacy-writes/quota_delete
master-legacy-writes/maint_sched_{post,bad}
master-legacy-writes/machine_{down,down_bad,up}
master-legacy-writes/teardown_bad
master-legacy-writes/reserve_{ok,toomuch,unres,badres,nores,neg,oldformat}
master-legacy-writes/slaves_after_reserve
master-legacy-writes/cv_{ok,noslave,unres}
master-legacy-writes/dv_{ok,again}
master-legacy-writes/unres_{ok,again}
master-v1-writes/RESERVE_RESOURCES{,_badagent,_unreserved,_toomuch}
master-v1-writes/CREATE_VOLUMES
master-v1-writes/GET_AGENTS_after_cv{,_pb}
master-v1-writes/CREATE_VOLUMES_dup
master-v1-writes/{GROW_VOLUME,SHRINK_VOLUME,SHRINK_VOLUME_toomuch,DESTROY_VOLUMES,DESTROY_VOLUMES_again}
master-v1-writes/{UNRESERVE_RESOURCES,UNRESERVE_again}
master-v1-writes/{DEACTIVATE_AGENT,slaves_deactivated,GET_AGENTS_deactivated,DEACTIVATE_AGENT_nosuch}
master-v1-writes/{REACTIVATE_AGENT,REACTIVATE_AGENT_nosuch,MARK_AGENT_GONE_nosuch,TEARDOWN_nosuch,DRAIN_AGENT_nosuch}
master-v1-writes/{slaves_draining,GET_AGENTS_drained,slaves_drained,agent_state_drained}
master-v1-writes/{DRAIN_AGENT_obj_grace,REACTIVATE_after_drain,GET_AGENTS_end}
scheduler/basic.state_with_volume
scheduler-operations/{ops.23_DECLINE_all,slaves_for_maint}
scheduler-operations/ops.24_ACCEPT_LAUNCH_maint
scheduler-operations/ops.25_ACKNOWLEDGE_mt_TASK_STARTING
scheduler-operations/ops.26_ACKNOWLEDGE_mt_TASK_RUNNING
scheduler-operations/{UPDATE_MAINTENANCE_SCHEDULE,ops.27_DECLINE_INVERSE_OFFERS}
scheduler-operations/{GET_MAINTENANCE_STATUS_declined,maintenance_status_declined}
scheduler-operations/{ops.28_ACCEPT_INVERSE_OFFERS,GET_MAINTENANCE_STATUS_accepted,maintenance_status_accepted}
scheduler-operations/{slaves_drained,GET_AGENTS_drained,GET_AGENTS_drained_pb,agent_GET_AGENT_drained,agent_state_drained}
scheduler-operations/{REACTIVATE,slaves_reactivated,ops.29_ACCEPT_UNRESERVE_end}
scheduler-operations/{UPDATE_QUOTA_limit,quota_in_use,GET_QUOTA_in_use,roles_quota,GET_ROLES_quota,UPDATE_QUOTA_clear,ops.30_TEARDOWN}
scheduler-extra/{slaves,DRAIN_AGENT,slaves_draining,GET_AGENTS_draining,agent_GET_AGENT_draining,DRAIN_again}
scheduler-extra2/{slaves,slaves2,REACTIVATE,DRAIN_no_tasks,slaves_drained,GET_AGENTS_drained,GET_AGENTS_drained_pb,agent_state_drained,REACTIVATE_before}
scheduler-extra2/supp.frameworks
agent-sessions/{f.01_ACCEPT,f.02_ACKNOWLEDGE_st_TASK_STARTING,f.03_ACKNOWLEDGE_st_TASK_RUNNING}
agent-sessions/{f.04_ACKNOWLEDGE_stty_TASK_STARTING,f.05_ACKNOWLEDGE_stty_TASK_RUNNING,GET_CONTAINERS,state,40_SESSION_cat}
agent-sessions2/f.01_ACCEPT
agent-sessions2/f.02_ACKNOWLEDGE_st_TASK_STARTING
agent-sessions2/f.03_ACKNOWLEDGE_st_TASK_RUNNING
agent-sessions2/f.04_ACKNOWLEDGE_stty_TASK_STARTING
agent-sessions2/f.05_ACKNOWLEDGE_stty_TASK_RUNNING
agent-sessions2/40_SESSION_cat
`)

// rank is an exchange's place in pinned, from 1; 0 if nothing is known of it.
func rank(e *Exchange) int {
	if r := pinned[e.Key()]; r != 0 {
		return r * 2
	}
	// Only where a whole area is listed: elsewhere numbers and seconds are better.
	if e.Area != "master-v1-writes" && e.Area != "master-legacy-writes" {
		return 0
	}
	best, like := 0, 4
	for key, r := range pinned {
		area, name, _ := strings.Cut(key, "/")
		if n := commonPrefix(name, e.Name); area == e.Area && (n > like || n == like && best != 0 && r > best) {
			best, like = r, n
		}
	}
	if best == 0 {
		return 0
	}
	return best*2 + 1
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// placePinned spreads the pinned exchanges of each second over it.
func placePinned(all []placed) {
	bySecond := map[time.Time][]*placed{}
	for i := range all {
		if rank(all[i].Exchange) != 0 {
			bySecond[all[i].at()] = append(bySecond[all[i].at()], &all[i])
		}
	}
	for second, group := range bySecond {
		sort.SliceStable(group, func(i, j int) bool { return rank(group[i].Exchange) < rank(group[j].Exchange) })
		for i, p := range group {
			p.when = second.Add(fraction(endingBlock + (lastNumbered-endingBlock)*float64(i)/float64(len(group))))
		}
	}
}

// expand numbers the names of a list, one per line, with one {a,b} in each.
func expand(list string) map[string]int {
	place := map[string]int{}
	for _, line := range strings.Fields(list) {
		before, rest, ok := strings.Cut(line, "{")
		if !ok {
			place[line] = len(place) + 1
			continue
		}
		choices, after, _ := strings.Cut(rest, "}")
		for _, c := range strings.Split(choices, ",") {
			place[before+c+after] = len(place) + 1
		}
	}
	return place
}
