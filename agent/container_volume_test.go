package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

func volume(at string, mode mesos.Volume_Mode, source *mesos.Volume_Source) *mesos.Volume {
	return &mesos.Volume{ContainerPath: &at, Mode: mode.Enum(), Source: source}
}

func hostVolume(path string) *mesos.Volume_Source {
	return &mesos.Volume_Source{Type: mesos.Volume_Source_HOST_PATH.Enum(), HostPath: &mesos.Volume_Source_HostPath{Path: &path}}
}

func sandboxVolume(kind mesos.Volume_Source_SandboxPath_Type, path string) *mesos.Volume_Source {
	return &mesos.Volume_Source{Type: mesos.Volume_Source_SANDBOX_PATH.Enum(), SandboxPath: &mesos.Volume_Source_SandboxPath{Type: &kind, Path: &path}}
}

// memoryVolume is tmpfs as Docker's own driver words it.
func memoryVolume(options string) *mesos.Volume_Source {
	return &mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME.Enum(), DockerVolume: &mesos.Volume_Source_DockerVolume{
		Driver: new("local"), Name: new("scratch"), DriverOptions: &mesos.Parameters{Parameter: []*mesos.Parameter{
			{Key: new("type"), Value: new("tmpfs")}, {Key: new("device"), Value: new("tmpfs")}, {Key: new("o"), Value: &options}}}}}
}

// Volumes of every kind are there in every way that containers are launched, can be
// written or not as their mode says, and are not seen by the host.
func TestVolumesInEveryLaunchMode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs root to mount")
	}
	const rw, ro = mesos.Volume_RW, mesos.Volume_RO
	alloc := newAllocator(t)
	n := startNode(t, alloc, func(o *agent.Options) { o.ExecutorShutdownGracePeriod = 100 * time.Millisecond })
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "f"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	box := func(nested bool) *mesos.ContainerInfo {
		self := mesos.Volume_Source_SandboxPath_SELF
		vs := []*mesos.Volume{volume("rw", rw, hostVolume(host)), volume("deep/ro", ro, hostVolume(host)), volume("file", ro, hostVolume(host+"/f")),
			volume("/mnt", rw, sandboxVolume(self, "own")), volume("mem", rw, memoryVolume("size=2m,noexec"))}
		if nested {
			parent := mesos.Volume_Source_SandboxPath_PARENT
			vs = append(vs, volume("shared", rw, sandboxVolume(parent, "ours")), volume("watched", ro, sandboxVolume(parent, "ours")))
		}
		return &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), Volumes: vs}
	}
	line := func(name string) string {
		return fmt.Sprintf("echo x >rw/%s; cat deep/ro/f file; (: >deep/ro/no) 2>/dev/null || echo refused; (: >>file) 2>/dev/null || echo refused; "+
			"echo own >/mnt/f; cat own/f; stat -f -c '%%T %%b %%S' mem; echo z >mem/f && cat mem/f; "+
			"if [ -d shared ]; then echo y >shared/%s; cat watched/%s; (: >watched/no) 2>/dev/null || echo refused; fi; echo done; sleep 1000", name, name, name)
	}
	const plain = "of the host\nof the host\nrefused\nrefused\nown\ntmpfs 512 4096\nz\n"
	const inPod = plain + "y\nrefused\n"
	task := func(name string, nested bool) *mesos.TaskInfo {
		info := shell(name, line(name))
		info.Container = box(nested)
		return info
	}
	alloc.launch(framework(), task("command", false))
	alloc.await("command", mesos.TaskState_TASK_RUNNING)
	alloc.pod("pod", true, task("member", true))
	alloc.await("member", mesos.TaskState_TASK_RUNNING)
	ex := &mesos.ExecutorInfo{Type: mesos.ExecutorInfo_CUSTOM.Enum(), ExecutorId: &mesos.ExecutorID{Value: new("custom")},
		FrameworkId: &mesos.FrameworkID{Value: new("fw")}, Resources: []*mesos.Resource{scalar("cpus", 0.1), scalar("mem", 64)},
		Command: &mesos.CommandInfo{Value: new(line("custom"))}, Container: box(false)}
	alloc.send(&link.Down{Body: &link.Down_Launch{Launch: &link.Launch{Framework: framework(), Executor: ex, LaunchExecutor: new(true),
		Tasks: []*mesos.TaskInfo{custom("t", "long")}}}})
	root := running(t, alloc, shell("root", "sleep 1000"))
	for _, c := range []struct {
		typ, id, name string
		nested        bool
	}{{"LAUNCH_CONTAINER", idJSON("alone"), "alone", false}, {"LAUNCH_CONTAINER", idJSON("alone", "below"), "below", true}, {"LAUNCH_NESTED_CONTAINER", idJSON(root, "nested"), "nested", true}} {
		n.launched(c.typ, c.id, command(line(c.name))+`,"container":`+string(box(c.nested).AppendJSON(nil)))
	}
	for name, want := range map[string]struct{ file, text string }{
		"command": {filepath.Join(n.sandbox("command"), "stdout"), plain},
		"member":  {filepath.Join(n.sandbox("pod"), "tasks/member/stdout"), inPod},
		"custom":  {filepath.Join(n.sandbox("custom"), "stdout"), plain},
		"alone":   {filepath.Join(n.dir, "containers/alone/stdout"), plain},
		"below":   {filepath.Join(n.dir, "containers/alone/containers/below/stdout"), inPod},
		"nested":  {filepath.Join(n.sandbox("root"), "containers/nested/stdout"), inPod},
	} {
		var got []byte
		n.eventually(name+" to have tried its volumes", func() bool {
			got, _ = os.ReadFile(want.file)
			return strings.HasSuffix(string(got), "done\n")
		})
		if string(got) != want.text+"done\n" {
			t.Errorf("%s: got %q, want %q", name, got, want.text)
		}
		if _, err := os.Stat(filepath.Join(host, name)); err != nil {
			t.Errorf("%s: what it wrote to the host's directory: %v", name, err)
		}
	}
	if b, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(b), host) || strings.Contains(string(b), n.dir+"/slaves") || strings.Contains(string(b), n.dir+"/containers") {
		t.Errorf("the host sees mounts of containers: %v", err)
	}
	for _, path := range []string{"/mnt/f", filepath.Join(n.sandbox("command"), "mem/f")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("the host sees %s", path)
		}
	}
}
