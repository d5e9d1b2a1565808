package replay

import (
	"encoding/json"
	"regexp"
	"strings"
)

// How a value is compared. Types and keys are compared in every case.
type strictness int

const (
	// equal: the same value, with ids mapped. The default.
	equal strictness = iota
	// free: any value of the same type: a time, a version, a name or path of the
	// machine, a measurement.
	free
	// zeroness: a time that is 0 while something has not happened.
	zeroness
	// prose: text for people; some text on one line is wanted.
	prose
)

// timeKey matches the names of points in time.
var timeKey = regexp.MustCompile(`^(timestamp|mtime)$|_time$|_time_seconds$|_timestamp$`)

// freeKeys name what differs between two installations or two runs without
// anybody being wrong.
var freeKeys = map[string]bool{
	"version": true, "git_sha": true, "git_branch": true, "git_tag": true,
	"build_date": true, "build_time": true, "build_user": true,
	"hostname": true, "master_hostname": true, "ip": true, "ip_address": true, "pid": true, "leader": true, "executor_pid": true,
	"external_log_file": true, "log_dir": true, "work_dir": true, "directory": true,
	"size": true, "nlink": true, "uid": true, "gid": true,
}

// optionalKeys are there or not depending on how the daemon was built and
// started.
var optionalKeys = map[string]bool{"git_sha": true, "git_branch": true, "git_tag": true, "log_dir": true, "external_log_file": true, "cluster": true}

// freeTrees name objects whose members are settings or measurements of the
// daemon itself. The recorded members must be there with their types; others may be
// beside them.
var freeTrees = map[string]bool{"statistics": true, "resource_statistics": true, "metrics": true, "get_metrics": true, "get_version": true,
	// How long a level that was set holds is a matter of real time, which is not kept.
	"get_logging_level": true}

// racing are members of the container_status of a nested container that are there if
// Mesos' containerizer knew the container already, or still, when its agent asked:
// the same state of the same kind of task has them in one recording and not in another.
var racing = map[string]bool{"network_infos": true, "executor_pid": true}

// inRace says whether the members named in racing are undetermined in an object that
// stands under key.
func inRace(key string, object map[string]any) bool {
	return key == "container_status" && at(object, "container_id", "parent") != nil
}

// ownTrees name objects and lists in which not even the names are determined: the
// flags that a daemon has. That they are there, with texts for values, is compared.
var ownTrees = map[string]bool{"flags": true}

// freeTargets are endpoints whose whole body is such an object.
var freeTargets = []string{"/metrics/snapshot", "/system/stats.json", "/version", "/monitor/statistics", "/files/debug"}

// recordedPorts are those that the recorded daemons listened on.
var recordedPorts = regexp.MustCompile(`^150\d\d$`)

// recordedPath matches paths of the machine that the recording was made on.
var recordedPath = regexp.MustCompile(`/srv/mesos|/usr/lib/mesos|/tmp/r/mesos|/usr/libexec/mesos`)

// freeBody says whether nothing in a response to this request is determined but
// its form.
func freeBody(r *Message) bool {
	path := strings.TrimPrefix(strings.TrimPrefix(r.Path(), "/master"), "/slave(1)")
	for _, t := range freeTargets {
		if path == t {
			return true
		}
	}
	// What a daemon wrote to its log is its own affair.
	if strings.Contains(r.Target(), "/log") && strings.HasPrefix(path, "/files/") {
		return true
	}
	body := string(r.Body)
	aboutLog := strings.Contains(body, "/master/log") || strings.Contains(body, "/slave/log")
	return aboutLog && (strings.Contains(body, "_FILE") || r.Header("Content-Type") == "application/x-protobuf")
}

// determined says how the member key of an object is compared. value is the
// recorded one.
func determined(parent, key string, value any) strictness {
	if timeKey.MatchString(key) {
		if strings.HasSuffix(key, "_time") {
			return zeroness
		}
		return free
	}
	if key == "nanoseconds" && timeKey.MatchString(parent) {
		return free
	}
	if freeKeys[key] {
		return free
	}
	// The newest state that the agent knew when the update left, which may be ahead
	// of the update by as much as the task was fast.
	if parent == "task_updated" && key == "state" {
		return free
	}
	switch v := value.(type) {
	case string:
		if (key == "message" || key == "error") && v != "" {
			return prose
		}
		if recordedPath.MatchString(v) || recordedAddress.MatchString(v) {
			return free
		}
	}
	// A port of the daemons themselves; those of tasks are in requests.
	if n, ok := value.(json.Number); ok && key == "port" && recordedPorts.MatchString(string(n)) {
		return free
	}
	return equal
}
