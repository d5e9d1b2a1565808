package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// What a task keeps in a volume is read where its sandbox shows it, by its paths and by
// the task's id, while the task runs. No link leads from there to anywhere else.
func TestVolumesAreServedBelowTheSandbox(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(64, "pool", shared)
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	const wait = "mkdir -p data/sub; echo kept > data/sub/f; echo coded > data/foo%3Abar; ln -sfn /etc data/out; ln -sfn ../../../.. data/up; ln -sfn data other; touch ready; " +
		"while [ ! -e data/stop ]; do sleep 0.02; done"
	alloc.launch(framework(), on(shell("alone", wait), v))
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{
		Framework: framework(), LaunchExecutor: new(true), Group: new(true), Tasks: []*mesos.TaskInfo{on(shell("member", wait), v)},
		Executor: &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("pod")}},
	}}})
	for task, box := range map[string]string{"alone": n.sandbox("alone"), "member": filepath.Join(n.sandbox("pod"), "tasks", "member")} {
		n.eventually(task+" is ready", func() bool { _, err := os.Stat(filepath.Join(box, "ready")); return err == nil })
		byTask := "framework_id=fw&task_id=" + task + "&path="
		for _, c := range []struct {
			path, want string // part of the answer
			code       int
		}{
			{"/files/browse?path=" + box + "/data", `"path":"` + box + `/data/sub"`, 200},
			{"/files/browse?path=" + box + "/data/sub", `"path":"` + box + `/data/sub/f"`, 200},
			{"/files/read?offset=0&path=" + box + "/data/sub/f", `{"data":"kept\n","offset":0}`, 200},
			{"/files/download?path=" + box + "/data/sub/f", "kept\n", 200},
			{"/files/read?offset=0&path=" + box + "/data/foo%253Abar", `{"data":"coded\n","offset":0}`, 200}, // decoded once
			{"/files/read?offset=0&path=" + box + "/data/foo%3Abar", "", 404},
			{"/files/read?offset=0&path=" + box + "/data", "Cannot read a directory", 400},
			{"/files/read?offset=0&path=" + box + "/data/out/hostname", "", 404},
			{"/files/browse?path=" + box + "/data/up", "", 404},
			{"/files/browse?path=" + box + "/data/../../../../..", "", 404},
			{"/files/browse?path=" + box + "/other", "", 404}, // a link of the task's own
			{"/files/browse?path=" + n.volume("pool"), "", 404},
			{"/tasks/files?" + byTask + "data", `"path":"data/sub"`, 200},
			{"/tasks/file?" + byTask + "data/sub/f", "kept\n", 200},
			{"/tasks/file?" + byTask + "data/out/hostname", "", 404},
			{"/tasks/file?" + byTask + "data", "which is a directory", 400},
			{"/tasks/file?" + byTask + "stdout", "", 200},
		} {
			if code, body := n.get(c.path); code != c.code || !strings.Contains(body, c.want) {
				t.Errorf("%s: got %d %.200s, want %d and %q", c.path, code, body, c.code, c.want)
			}
		}
	}
	real, err := filepath.EvalSymlinks(n.sandbox("alone"))
	if err != nil {
		t.Fatal(err)
	}
	var paths map[string]string
	n.decode("/files/debug", &paths)
	for _, path := range []string{real, n.sandbox("alone"), "/frameworks/fw/executors/alone/runs/latest"} {
		if paths[path] != real {
			t.Errorf("/files/debug: %s stands for %q, want %q", path, paths[path], real)
		}
	}
	if err := os.WriteFile(filepath.Join(n.volume("pool"), "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	alloc.await("alone", mesos.TaskState_TASK_FINISHED)
	alloc.await("member", mesos.TaskState_TASK_FINISHED)
	n.eventually("the volume is no longer shown", func() bool {
		code, _ := n.get("/files/browse?path=" + n.sandbox("alone") + "/data")
		return code == 404
	})
}
