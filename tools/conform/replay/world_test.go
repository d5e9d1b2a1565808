package replay

import (
	"strings"
	"testing"
	"time"
)

// The recorded run had three clusters and one with authentication; their
// masters were started anew in between.
func TestWorlds(t *testing.T) {
	all := packed(t)
	worlds := Worlds(all)
	played, names := 0, []string{}
	for _, w := range worlds {
		names = append(names, w.Name)
		played += w.Counted()
	}
	want := "15050-170257 15050-170839 15050-171228 15052-171254 15070-170839 15070-171250 15080-171351 15090-172328"
	if got := strings.Join(names, " "); !strings.HasPrefix(got, want) {
		t.Errorf("got the worlds %s, want %s …", got, want)
	}
	if played != len(all) {
		t.Errorf("the worlds hold %d exchanges, want %d", played, len(all))
	}
}

func TestOrder(t *testing.T) {
	var order []string
	for _, w := range Worlds(packed(t)) {
		for _, e := range w.Exchanges {
			order = append(order, e.Key())
		}
	}
	place := map[string]int{}
	for i, key := range order {
		place[key] = i
	}
	for _, c := range []struct{ before, after string }{
		{"master-get-with-offer/slaves", "scheduler/basic.01_DECLINE_filters"},
		{"scheduler/basic.06_ACKNOWLEDGE_t-exit3_TASK_RUNNING", "master-get-with-task/master_slaves"},
		{"scheduler/basic.09_ACKNOWLEDGE_t-sleep_TASK_RUNNING", "scheduler/basic.10_ACKNOWLEDGE_t-true_TASK_STARTING"},
		{"scheduler/basic.25_SUPPRESS_invalidrole", "scheduler/basic.frameworks_suppressed"},
		{"scheduler/basic.frameworks_suppressed", "scheduler/basic.26_REVIVE"},
		{"scheduler/basic.58_UPDATE_FRAMEWORK", "scheduler/basic.frameworks_updated"},
		{"scheduler/basic.64_UPDATE_FRAMEWORK_noconstraints", "scheduler/failover.SUBSCRIBE"},
		{"scheduler/failover.SUBSCRIBE", "scheduler/basic.65_old_stream_call"},
		{"scheduler-errors/err.99_ACKNOWLEDGE_bad49-signal_exit_TASK_STARTING", "scheduler-errors/err.100_ACKNOWLEDGE_bad49-signal_exit_TASK_RUNNING"},
		{"scheduler-extra2/plain.frameworks", "scheduler-extra2/plain.08_TEARDOWN"},
		{"master-v1-writes/UPDATE_QUOTA_force", "master-v1-writes/GET_QUOTA_after"},
		{"master-v1-writes/CREATE_VOLUMES", "master-v1-writes/CREATE_VOLUMES_dup"},
		{"scheduler-operations/ops.27_DECLINE_INVERSE_OFFERS", "scheduler-operations/maintenance_status_declined"},
	} {
		if _, ok := place[c.before]; !ok {
			t.Errorf("there is no %s", c.before)
		}
		if _, ok := place[c.after]; !ok {
			t.Errorf("there is no %s", c.after)
		}
		if place[c.before] >= place[c.after] {
			t.Errorf("%s is at %d, want it before %s at %d", c.before, place[c.before], c.after, place[c.after])
		}
	}
}

// A call that is refused because it was made before implies the one before.
func TestImplied(t *testing.T) {
	names := map[string]bool{}
	for _, w := range Worlds(packed(t)) {
		for _, e := range w.Exchanges {
			if strings.HasPrefix(e.Area, "master-v1-writes") && !e.Counted {
				names[e.Name] = true
			}
		}
	}
	for _, want := range []string{"START_MAINTENANCE", "CREATE_VOLUMES", "DESTROY_VOLUMES"} {
		if !names[want] {
			t.Errorf("no %s is made up; got %v", want, names)
		}
	}
	if names["UNRESERVE"] || names["UPDATE_QUOTA"] {
		t.Errorf("calls are made up beside those that are there: %v", names)
	}
}

func TestDetermined(t *testing.T) {
	for _, c := range []struct {
		parent, key string
		value       any
		want        strictness
	}{
		{"status", "timestamp", nil, free},
		{"", "registered_time", nil, zeroness},
		{"registered_time", "nanoseconds", nil, free},
		{"duration", "nanoseconds", nil, equal},
		{"", "version", "1.12.0", free},
		{"", "name", "version", equal},
		{"status", "message", "Command exited with status 3", prose},
		{"call", "message", "", equal},
		{"", "path", "/srv/mesos/run/agent", free},
		{"", "path", "stdout", equal},
		{"", "state", "TASK_LOST", equal},
	} {
		if got := determined(c.parent, c.key, c.value); got != c.want {
			t.Errorf("%s.%s = %v: got %d, want %d", c.parent, c.key, c.value, got, c.want)
		}
	}
}

func TestDatesOfUnanswered(t *testing.T) {
	all := areasOf(packed(t), "scheduler-errors")
	fillDates(all)
	for _, e := range all {
		if e.Response.Status() == 0 {
			if want := time.Date(2026, 11, 20, 17, 9, 55, 0, time.UTC); !e.at().Equal(want) {
				t.Errorf("%s is placed at %v, want %v", e.Key(), e.at(), want)
			}
			return
		}
	}
	t.Error("no exchange without an answer")
}
