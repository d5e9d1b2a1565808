package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/mesos"
)

// pod makes the container of a task group.
func (r *runs) pod(t testing.TB, id string, info *mesos.LinuxInfo) {
	t.Helper()
	n := core.Nest{ID: id, Directory: filepath.Join(r.dir, "slaves/a/frameworks/f/executors/e/runs", id), Container: linux(info)}
	n.Latest = filepath.Join(filepath.Dir(n.Directory), "latest")
	if info == nil {
		n.Container = nil
	}
	r.runner.Do(n)
}

// inPod runs a line in a member and returns what it prints, and its namespaces.
func (r *runs) inPod(t testing.TB, id string, info *mesos.LinuxInfo, line string) (printed string, spaces map[string]string, failed string) {
	t.Helper()
	l := core.Launch{ID: id, Pod: "pod", Shared: strings.Contains(id, "/")}
	if info != nil {
		l.Container = linux(info)
	}
	out, failed := r.run(t, l, `for k in pid ipc uts mnt; do echo "$k $(readlink /proc/self/ns/$k)"; done; `+line)
	spaces = map[string]string{}
	for text := range strings.Lines(out) {
		kind, id, ok := strings.Cut(strings.TrimSpace(text), " ")
		if ok && len(kind) == 3 && strings.HasPrefix(id, kind+":[") {
			spaces[kind] = id
		} else {
			printed += text
		}
	}
	return printed, spaces, failed
}

// Members of a pod share the namespaces of the pod, which are not the agent's if its
// executor says so, unless they ask for their own.
func TestMembersShareNamespacesOfThePod(t *testing.T) {
	const everyone = "filesystem/linux,namespaces/pid,namespaces/ipc,cgroups/cpu"
	private, parent := mesos.LinuxInfo_PRIVATE.Enum(), mesos.LinuxInfo_SHARE_PARENT.Enum()
	agents := map[string]string{}
	for _, kind := range []string{"pid", "ipc", "uts", "mnt"} {
		agents[kind], _ = os.Readlink("/proc/self/ns/" + kind)
	}
	for name, c := range map[string]struct {
		mode        string
		pod, member *mesos.LinuxInfo
		// of the pid and the IPC namespace: whose it is
		pid, ipc string
	}{
		"nobody asks":                 {runner.Auto, nil, nil, "agent", "agent"},
		"the pod asks":                {runner.Auto, &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: private}, nil, "pod", "pod"},
		"the pod asks for pids":       {runner.Auto, &mesos.LinuxInfo{SharePidNamespace: new(false)}, &mesos.LinuxInfo{SharePidNamespace: new(true)}, "pod", "agent"},
		"the pod asks for ipc":        {runner.Auto, &mesos.LinuxInfo{IpcMode: private}, &mesos.LinuxInfo{IpcMode: parent}, "agent", "pod"},
		"the member asks too":         {runner.Auto, &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: private}, &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: private}, "own", "own"},
		"the member asks":             {runner.Auto, nil, &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: private}, "own", "own"},
		"everyone":                    {everyone, nil, nil, "own", "pod"},
		"everyone, shared":            {everyone, nil, &mesos.LinuxInfo{SharePidNamespace: new(true), IpcMode: parent}, "pod", "pod"},
		"everyone, agent's shared":    {everyone, &mesos.LinuxInfo{SharePidNamespace: new(true), IpcMode: parent}, &mesos.LinuxInfo{SharePidNamespace: new(true), IpcMode: parent}, "agent", "agent"},
		"everyone, own in the pod":    {everyone, nil, &mesos.LinuxInfo{IpcMode: private}, "own", "own"},
		"list without the namespaces": {"cgroups/cpu", &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: private}, nil, "agent", "agent"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuns(t, c.mode)
			r.pod(t, "pod", c.pod)
			var seen []map[string]string
			for _, id := range []string{"pod/a", "pod/b", "pod.c"} {
				_, spaces, failed := r.inPod(t, id, c.member, ":")
				if failed != "" {
					t.Fatalf("%s: %s", id, failed)
				}
				seen = append(seen, spaces)
			}
			for kind, want := range map[string]string{"pid": c.pid, "ipc": c.ipc} {
				a, b, third := seen[0][kind], seen[1][kind], seen[2][kind]
				got := "mixed"
				switch {
				case a == agents[kind] && b == a && third == a:
					got = "agent"
				case a != agents[kind] && a == b && b == third:
					got = "pod"
				case a != agents[kind] && b != agents[kind] && third != agents[kind]:
					got = "own" // numbers of namespaces that are gone come again
				}
				if want == "own" && got == "pod" {
					got = "own"
				}
				if got != want {
					t.Errorf("%s: got that of %s, want that of %s: %q %q %q, the agent's %q", kind, got, want, a, b, third, agents[kind])
				}
			}
		})
	}
}

// What shares a namespace of processes sees them, and what shares memory has the pod's
// /dev/shm, also after the agent has started again.
func TestPodsHaveOneDevShmAndOneProc(t *testing.T) {
	r := newRuns(t, runner.Auto)
	info := &mesos.LinuxInfo{SharePidNamespace: new(false), IpcMode: mesos.LinuxInfo_PRIVATE.Enum(), ShmSize: new(uint32(5))}
	r.pod(t, "pod", info)
	if got, _, failed := r.inPod(t, "pod/a", nil, "stat -f -c '%b %S' /dev/shm; echo of-a >/dev/shm/x; ls /proc | grep -c '^[0-9]'"); !strings.HasPrefix(got, "1280 4096\n") || failed != "" {
		t.Errorf("got %q, %s; want 5 MiB", got, failed)
	}
	if _, err := os.Stat("/dev/shm/x"); err == nil {
		t.Error("the host's /dev/shm was written to")
	}
	r.pod(t, "pod", info) // as after a restart
	// Three processes and no more: the holder, the shell and what it runs.
	got, spaces, failed := r.inPod(t, "pod.b", nil, "cat /dev/shm/x; for d in /proc/[0-9]*; do echo $d; done | grep -vc /proc/$$\\$; mount -t tmpfs | grep -c /dev/shm; true")
	if !strings.HasPrefix(got, "of-a\n") || failed != "" {
		t.Errorf("got %q, %s; want what the other wrote", got, failed)
	}
	// A volume of one member is not mounted in the other.
	dir := t.TempDir()
	l := core.Launch{ID: "pod/c", Pod: "pod", Shared: true, Container: &mesos.ContainerInfo{Volumes: []*mesos.Volume{hostPath(dir, "/mnt", mesos.Volume_RW)}}}
	if got, failed := r.run(t, l, "echo x >/mnt/from-c; cat /dev/shm/x"); got != "of-a\n" || failed != "" {
		t.Errorf("with a volume: got %q, %s", got, failed)
	}
	got, again, failed := r.inPod(t, "pod/d", nil, "ls /mnt")
	if strings.Contains(got, "from-c") || failed != "" || again["pid"] != spaces["pid"] {
		t.Errorf("got %q, %s, %v; want nothing in /mnt and the namespaces %v", got, failed, again, spaces)
	}
	// With its own /proc a member sees its own processes only.
	if got, _, failed = r.inPod(t, "pod/e", &mesos.LinuxInfo{SharePidNamespace: new(false)}, "cat /dev/shm/x; [ -e /proc/3 ] || [ -e /proc/2 ] && echo low"); !strings.HasPrefix(got, "of-a\nlow\n") || failed != "" {
		t.Errorf("got %q, %s", got, failed)
	}
	r.runner.Do(core.Destroy{ID: "pod"})
	r.runner.Wait()
}

// A pod that cannot be made says so through its members.
func TestFaultsOfPodsReachTheirMembers(t *testing.T) {
	r := newRuns(t, runner.Posix)
	r.pod(t, "pod", &mesos.LinuxInfo{IpcMode: mesos.LinuxInfo_PRIVATE.Enum()})
	if _, _, failed := r.inPod(t, "pod/a", nil, ":"); !strings.Contains(failed, "needs an agent that uses cgroups") {
		t.Errorf("got %q, want what the pod lacks", failed)
	}
	r = newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, Spaces: runner.Spaces{KeepPIDs: true}})
	r.pod(t, "pod", &mesos.LinuxInfo{SharePidNamespace: new(true)})
	if _, _, failed := r.inPod(t, "pod/a", nil, ":"); !strings.Contains(failed, "does not share its pid namespace") {
		t.Errorf("got %q, want what the agent forbids", failed)
	}
}
