package runner_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/wire/mesos"
)

// run runs a shell line to its end and returns what it printed, or why it was not
// started.
func (r *runs) run(t testing.TB, l core.Launch, line string) (printed, failed string) {
	t.Helper()
	l.Directory = filepath.Join(r.dir, "slaves/a/frameworks/f/executors/e/runs", l.ID)
	if l.Pod != "" {
		l.Pod = filepath.Join(r.dir, "slaves/a/frameworks/f/executors/e/runs", l.Pod)
		l.Directory = filepath.Join(l.Pod, "containers", l.ID)
	}
	l.Path, l.Args, l.Env = "/bin/sh", []string{"sh", "-c", line}, []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	r.runner.Do(l)
	for {
		switch c := r.next(t).(type) {
		case core.LaunchFailed:
			return "", c.Message
		case core.Exited:
			out, err := os.ReadFile(filepath.Join(l.Directory, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			r.runner.Do(core.Destroy{ID: l.ID})
			r.runner.Wait()
			return string(out), ""
		}
	}
}

func linux(info *mesos.LinuxInfo) *mesos.ContainerInfo {
	return &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), LinuxInfo: info}
}

func capabilities(names ...mesos.CapabilityInfo_Capability) *mesos.CapabilityInfo {
	return &mesos.CapabilityInfo{Capabilities: names}
}

// modes are the ways in which processes are started.
var modes = []string{runner.Auto, runner.Posix, "cgroups/cpu,cgroups/mem", "filesystem/linux,namespaces/pid,namespaces/ipc,cgroups/cpu"}

// A container's wishes about rights are met in every mode, within what the agent
// allows.
func TestContainersAskForRights(t *testing.T) {
	const kill, chown, bind = 1 << unix.CAP_KILL, 1 << unix.CAP_CHOWN, 1 << unix.CAP_NET_BIND_SERVICE
	mask := func(m uint64) *uint64 { return &m }
	all := own(t)
	for name, c := range map[string]struct {
		rights   runner.Rights
		user     string
		info     *mesos.LinuxInfo
		eff, bnd uint64
		seccomp  string
		fails    string
	}{
		"effective": {info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_KILL)}, eff: kill, bnd: kill, seccomp: "2"},
		//lint:ignore SA1019 old frameworks send it
		"old": {info: &mesos.LinuxInfo{CapabilityInfo: capabilities(mesos.CapabilityInfo_KILL)}, eff: kill, bnd: kill, seccomp: "2"},
		//lint:ignore SA1019 old frameworks send it
		"old and new": {info: &mesos.LinuxInfo{CapabilityInfo: capabilities(), EffectiveCapabilities: capabilities()}, fails: "want one of them"},
		"bounding":    {info: &mesos.LinuxInfo{BoundingCapabilities: capabilities(mesos.CapabilityInfo_KILL)}, eff: kill, bnd: kill, seccomp: "2"},
		"both": {info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_KILL),
			BoundingCapabilities: capabilities(mesos.CapabilityInfo_KILL, mesos.CapabilityInfo_CHOWN)}, eff: kill, bnd: kill | chown, seccomp: "2"},
		"effective beyond bounding": {info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_KILL),
			BoundingCapabilities: capabilities(mesos.CapabilityInfo_CHOWN)}, fails: "effective capabilities: got KILL"},
		"beyond the default":   {info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_NET_RAW)}, fails: "got NET_RAW, want some of CHOWN"},
		"bounding beyond":      {info: &mesos.LinuxInfo{BoundingCapabilities: capabilities(mesos.CapabilityInfo_SYS_ADMIN)}, fails: "got SYS_ADMIN, want some of"},
		"of another user":      {user: "nobody", info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_NET_BIND_SERVICE)}, eff: bind, bnd: bind, seccomp: "2"},
		"too much for another": {user: "nobody", info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_CHOWN)}, fails: "want some of NET_BIND_SERVICE"},
		"allowed to another": {rights: runner.Rights{Bounding: mask(chown)}, user: "nobody",
			info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_CHOWN)}, eff: chown, bnd: chown, seccomp: "2"},
		"agent's effective": {rights: runner.Rights{Effective: mask(kill), Bounding: mask(kill | chown)},
			info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities(mesos.CapabilityInfo_CHOWN)}, eff: chown, bnd: kill | chown, seccomp: "2"},
		"none":            {info: &mesos.LinuxInfo{EffectiveCapabilities: capabilities()}, seccomp: "2"},
		"unconfined":      {info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{Unconfined: new(true)}, EffectiveCapabilities: capabilities()}, seccomp: "0"},
		"default profile": {info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{ProfileName: new("default")}, EffectiveCapabilities: capabilities()}, seccomp: "2"},
		"asked for a profile": {rights: runner.Rights{Unconfined: true}, info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{ProfileName: new("default")},
			EffectiveCapabilities: capabilities()}, seccomp: "2"},
		"unknown profile": {info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{ProfileName: new("mine")}}, fails: `no profile is called "mine", want "default"`},
		"two profiles":    {info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{ProfileName: new("default"), Unconfined: new(true)}}, fails: "want one of them"},
		"no profile":      {info: &mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{}}, fails: "got neither"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mode := range modes {
				r := newRunsWith(t, runner.KernelOptions{Isolation: mode, Rights: c.rights})
				printed, failed := r.run(t, core.Launch{ID: "c", User: c.user, Container: linux(c.info)}, "cat /proc/self/status")
				if c.fails != "" {
					if !strings.Contains(failed, c.fails) {
						t.Errorf("%s: got %q, want %q", mode, failed, c.fails)
					}
					continue
				}
				if failed != "" {
					t.Errorf("%s: %s", mode, failed)
					continue
				}
				expect(t, mode, parseStatus(printed), map[string]string{"CapEff": hex(c.eff & all), "CapBnd": hex(c.bnd & all),
					"Seccomp": c.seccomp, "NoNewPrivs": "1"})
			}
		})
	}
}

func rlimit(kind mesos.RLimitInfo_RLimit_Type, soft, hard *uint64) *mesos.RLimitInfo_RLimit {
	return &mesos.RLimitInfo_RLimit{Type: kind.Enum(), Soft: soft, Hard: hard}
}

func TestContainersAskForRlimits(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	for _, mode := range modes {
		r := newRuns(t, mode)
		box := &mesos.ContainerInfo{RlimitInfo: &mesos.RLimitInfo{Rlimits: []*mesos.RLimitInfo_RLimit{
			rlimit(mesos.RLimitInfo_RLimit_RLMT_NOFILE, n(77), n(99)), rlimit(mesos.RLimitInfo_RLimit_RLMT_CORE, n(0), n(0)),
			rlimit(mesos.RLimitInfo_RLimit_RLMT_CPU, nil, nil)}}}
		if got, why := r.run(t, core.Launch{ID: "c", Container: box}, "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -t"); got != "77\n99\n0\nunlimited\n" {
			t.Errorf("%s: got %q, %s", mode, got, why)
		}
	}
	r := newRuns(t, runner.Posix)
	for want, l := range map[string]*mesos.RLimitInfo_RLimit{
		"only one of soft and hard": rlimit(mesos.RLimitInfo_RLimit_RLMT_CPU, n(1), nil),
		"got a limit of type":       rlimit(mesos.RLimitInfo_RLimit_UNKNOWN, n(1), n(1)),
		"above hard limit":          rlimit(mesos.RLimitInfo_RLimit_RLMT_CPU, n(2), n(1)),
	} {
		box := &mesos.ContainerInfo{RlimitInfo: &mesos.RLimitInfo{Rlimits: []*mesos.RLimitInfo_RLimit{l}}}
		if _, why := r.run(t, core.Launch{ID: "c", Container: box}, ":"); !strings.Contains(why, want) {
			t.Errorf("got %q, want %q", why, want)
		}
	}
}

// spaces prints which namespaces differ from the agent's.
func spaces(t *testing.T, r *runs, l core.Launch) (string, string) {
	t.Helper()
	var line strings.Builder
	for _, kind := range []string{"cgroup", "ipc", "mnt", "pid", "uts"} {
		ours, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&line, `[ "$(readlink /proc/self/ns/%s)" = "%s" ] || echo -n %s" "; `, kind, ours, kind)
	}
	return r.run(t, l, line.String())
}

func TestContainersAskForNamespaces(t *testing.T) {
	private, shared := mesos.LinuxInfo_PRIVATE.Enum(), mesos.LinuxInfo_SHARE_PARENT.Enum()
	const everyone = "filesystem/linux,namespaces/pid,namespaces/ipc,cgroups/cpu"
	host := linux(nil)
	host.Hostname = new("inner")
	for name, c := range map[string]struct {
		mode   string
		spaces runner.Spaces
		box    *mesos.ContainerInfo
		want   string
		fails  string
	}{
		"nobody asks":            {runner.Auto, runner.Spaces{}, nil, "mnt ", ""},
		"private ipc":            {runner.Auto, runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: private}), "ipc mnt ", ""},
		"shared ipc":             {runner.Auto, runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: shared}), "mnt ", ""},
		"private ipc, posix":     {runner.Posix, runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: private}), "ipc mnt ", ""},
		"own pids":               {runner.Auto, runner.Spaces{}, linux(&mesos.LinuxInfo{SharePidNamespace: new(false)}), "mnt pid ", ""},
		"own pids, posix":        {runner.Posix, runner.Spaces{}, linux(&mesos.LinuxInfo{SharePidNamespace: new(false)}), "", "needs an agent that uses cgroups"},
		"hostname":               {runner.Auto, runner.Spaces{}, host, "mnt uts ", ""},
		"everyone":               {everyone, runner.Spaces{}, nil, "ipc mnt pid ", ""},
		"everyone's cgroups":     {"cgroups/cpu,namespaces/cgroup", runner.Spaces{}, nil, "cgroup mnt ", ""},
		"everyone but who asks":  {everyone, runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: shared, SharePidNamespace: new(true)}), "mnt ", ""},
		"pids are not shared":    {everyone, runner.Spaces{KeepPIDs: true}, linux(&mesos.LinuxInfo{SharePidNamespace: new(true)}), "", "does not share its pid namespace"},
		"ipc is not shared":      {everyone, runner.Spaces{KeepIPC: true}, linux(&mesos.LinuxInfo{IpcMode: shared}), "", "does not share its IPC namespace"},
		"nobody gets":            {"cgroups/cpu", runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: private, SharePidNamespace: new(false)}), "mnt ", ""},
		"size of what is shared": {runner.Auto, runner.Spaces{}, linux(&mesos.LinuxInfo{ShmSize: new(uint32(8))}), "", "want ipc_mode PRIVATE"},
		"unknown mode":           {runner.Auto, runner.Spaces{}, linux(&mesos.LinuxInfo{IpcMode: mesos.LinuxInfo_UNKNOWN.Enum()}), "", "got UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunsWith(t, runner.KernelOptions{Isolation: c.mode, Spaces: c.spaces})
			got, failed := spaces(t, r, core.Launch{ID: "c", Container: c.box})
			if got != c.want || !strings.Contains(failed, c.fails) || (failed == "") != (c.fails == "") {
				t.Errorf("got %q, %q; want %q, %q", got, failed, c.want, c.fails)
			}
		})
	}
}

// A container with a cgroup namespace sees its own cgroups as the roots of theirs, not
// where the agent keeps them.
func TestCgroupsAreSeenFromTheirRoot(t *testing.T) {
	r := newRunsWith(t, runner.KernelOptions{Isolation: "cgroups/cpu,cgroups/mem,cgroups/pids,namespaces/cgroup"})
	seen, why := r.run(t, core.Launch{ID: "c"}, "cat /proc/self/cgroup")
	roots := 0
	for line := range strings.Lines(seen) {
		id, path, _ := strings.Cut(strings.TrimSpace(line), "/")
		switch {
		case path == "":
			roots++
		case strings.Contains(path, "caprock"):
			t.Errorf("hierarchy %q: got /%s, want / or a place that is not ours", id, path)
		}
	}
	if roots == 0 {
		t.Errorf("got %q, %s; want the roots of the container's cgroups", seen, why)
	}
}

func TestSharedMemoryHasItsSize(t *testing.T) {
	r := newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, Spaces: runner.Spaces{ShmMiB: 3}})
	info := &mesos.LinuxInfo{IpcMode: mesos.LinuxInfo_PRIVATE.Enum()}
	size := "stat -f -c '%b %S' /dev/shm; ls -A /dev/shm; touch /dev/shm/mine"
	if got, why := r.run(t, core.Launch{ID: "a", Container: linux(info)}, size); got != "768 4096\n" {
		t.Errorf("by default: got %q, %s; want 3 MiB", got, why)
	}
	info.ShmSize = new(uint32(7))
	if got, why := r.run(t, core.Launch{ID: "b", Container: linux(info)}, size); got != "1792 4096\n" {
		t.Errorf("got %q, %s; want 7 MiB", got, why)
	}
	if _, err := os.Stat("/dev/shm/mine"); err == nil {
		t.Error("the host's /dev/shm was written to")
	}
}

// A task in a pid namespace of its own ends by SIGTERM, is found again, and its
// checks see what it sees.
func TestTaskInItsOwnPidNamespace(t *testing.T) {
	r := newRuns(t, runner.Auto)
	r.begin(t, core.Launch{ID: "c", Container: linux(&mesos.LinuxInfo{SharePidNamespace: new(false)})}, "exec sleep 60")
	check := r.check(t, "c")
	if ids := strings.Fields(check["NSpid"]); len(ids) != 1 {
		t.Errorf("a check sees pids %q in /proc, want those of the namespace", check["NSpid"])
	}
	facts := r.runner.Facts([]core.ProcessRef{{ID: "c", Launching: true}})
	if f := facts["c"]; !f.Alive {
		t.Errorf("got %+v, want the task found alive", f)
	} else {
		eventually(t, "the task, sleep and not init, behind the pid that was found", func() bool {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", f.Pid))
			return string(comm) == "sleep\n"
		})
	}
	r.runner.Do(core.Signal{ID: "c", Signal: 15})
	// It was watched twice; who found it learns its status only where the kernel keeps it.
	ends := []core.Command{r.next(t), r.next(t)}
	if !slices.ContainsFunc(ends, func(c core.Command) bool { e, ok := c.(core.Exited); return ok && e.Known && e.WaitStatus == 15 }) {
		t.Errorf("got %#v, want an end by SIGTERM", ends)
	}
}

func hostPath(source, target string, mode mesos.Volume_Mode) *mesos.Volume {
	return &mesos.Volume{ContainerPath: &target, Mode: mode.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_HOST_PATH.Enum(),
		HostPath: &mesos.Volume_Source_HostPath{Path: &source}}}
}

func sandboxPath(kind mesos.Volume_Source_SandboxPath_Type, source, target string, mode mesos.Volume_Mode) *mesos.Volume {
	return &mesos.Volume{ContainerPath: &target, Mode: mode.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_SANDBOX_PATH.Enum(),
		SandboxPath: &mesos.Volume_Source_SandboxPath{Type: kind.Enum(), Path: &source}}}
}

func memory(options, target string, mode mesos.Volume_Mode) *mesos.Volume {
	return &mesos.Volume{ContainerPath: &target, Mode: mode.Enum(), Source: &mesos.Volume_Source{Type: mesos.Volume_Source_DOCKER_VOLUME.Enum(),
		DockerVolume: &mesos.Volume_Source_DockerVolume{Driver: new("local"), Name: new("scratch"), DriverOptions: &mesos.Parameters{Parameter: []*mesos.Parameter{
			{Key: new("type"), Value: new("tmpfs")}, {Key: new("o"), Value: &options}}}}}}
}

func TestVolumes(t *testing.T) {
	const rw, ro = mesos.Volume_RW, mesos.Volume_RO
	const self, parent = mesos.Volume_Source_SandboxPath_SELF, mesos.Volume_Source_SandboxPath_PARENT
	old := func(source, target string) *mesos.Volume {
		return &mesos.Volume{ContainerPath: &target, Mode: rw.Enum(), HostPath: &source}
	}
	for _, mode := range []string{runner.Auto, runner.Posix, "filesystem/linux,volume/host_path,cgroups/mem"} {
		r := newRuns(t, mode)
		host := t.TempDir()
		if err := os.WriteFile(filepath.Join(host, "f"), []byte("of the host\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		// What a task that has the directory as a volume may leave there.
		if err := errors.Join(os.MkdirAll(r.dir+"/made", 0o755), os.Symlink(host, r.dir+"/made/link")); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			pod     string
			volume  *mesos.Volume
			line    string
			printed string
			fails   string
		}{
			{"", hostPath(host, "deep/data", rw), "cat deep/data/f; echo x >deep/data/new", "of the host\n", ""},
			{"", hostPath(host, "data", ro), "ls data; touch data/no 2>/dev/null || echo refused", "f\nnew\nrefused\n", ""},
			{"", hostPath(r.dir+"/made/a/b", "data", rw), "echo x >data/y; cat data/y", "x\n", ""},
			{"", hostPath(r.dir+"/made/../elsewhere", "data", rw), ":", "", "no such file"},
			{"", hostPath(host+"/f", "file", ro), "cat file", "of the host\n", ""},
			{"", hostPath(host, "/mnt", rw), "cat /mnt/f", "of the host\n", ""},
			{"", old(host, "/mnt"), "cat /mnt/f", "of the host\n", ""},
			{"", old("sub", "/mnt"), "echo hello >/mnt/x; cat sub/x", "hello\n", ""},
			{"", sandboxPath(self, "sub", "/mnt", rw), "echo hello >/mnt/x; cat sub/x", "hello\n", ""},
			{"pod", sandboxPath(parent, "shared", "mine", rw), "echo hi >mine/from-a", "", ""},
			{"pod", sandboxPath(parent, "shared", "mine", ro), "cat mine/from-a; touch mine/b 2>/dev/null || echo refused", "hi\nrefused\n", ""},
			{"pod", sandboxPath(parent, "shared", "/mnt", rw), "cat /mnt/from-a", "hi\n", ""},
			{"", memory("", "mem", rw), "stat -f -c %T mem; echo x >mem/f; cat mem/f; ls -ld mem | cut -c1-10", "tmpfs\nx\ndrwxrwxrwt\n", ""},
			{"", memory("size=1m,mode=700,uid=1234", "/mnt", rw), "stat -f -c '%b %S' /mnt; stat -c '%u %a' /mnt; head -c 2000000 /dev/zero >/mnt/f 2>/dev/null || echo full", "256 4096\n1234 700\nfull\n", ""},
			{"", memory("noexec", "mem", ro), "touch mem/f 2>/dev/null || echo refused; ls mem", "refused\n", ""},
			{"pod", memory("ro", "mem", rw), "touch mem/f 2>/dev/null || echo refused", "refused\n", ""},
			{"", memory("size=1m,bind", "mem", rw), ":", "", "want some of size="},
			{"", memory("size=x", "mem", rw), ":", "", "invalid argument"},
			{"", memory("", "../mem", rw), ":", "", "escapes"},
			{"", memory("", "/etc/passwd", rw), ":", "", "must be a directory"},
			{"", hostPath(r.dir+"/made/link/evil", "data", rw), ":", "", "escapes"},
			{"", hostPath(host+"/none", "data", rw), ":", "", "no such file"},
			{"", hostPath(host, "/no/such/place", rw), ":", "", "must exist"},
			{"", hostPath("relative", "data", rw), ":", "", "want an absolute one"},
			{"", hostPath(host, "../../out", rw), ":", "", "escapes"},
			{"", sandboxPath(self, "../..", "/mnt", rw), ":", "", "want one inside the sandbox"},
			{"", sandboxPath(self, "sub", "relative", rw), ":", "", "needs an absolute container_path"},
			{"", sandboxPath(parent, "sub", "x", rw), ":", "", "for containers in a pod"},
			{"", sandboxPath(0, "sub", "x", rw), ":", "", "want SELF or PARENT"},
		} {
			got, failed := r.run(t, core.Launch{ID: fmt.Sprintf("c%d", i), Pod: c.pod,
				Container: &mesos.ContainerInfo{Volumes: []*mesos.Volume{c.volume}}}, c.line)
			if got != c.printed || !strings.Contains(failed, c.fails) || (failed == "") != (c.fails == "") {
				t.Errorf("%s: %v: got %q, %q; want %q, %q", mode, c.volume, got, failed, c.printed, c.fails)
			}
		}
		if b, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(b), host) {
			t.Error("a volume is mounted on the host")
		}
	}
}

// A sandbox that fetched hostile links leads no volume out of it.
func TestVolumesStayInTheSandbox(t *testing.T) {
	r := newRuns(t, runner.Auto)
	canary := t.TempDir()
	runsDir := filepath.Join(r.dir, "slaves/a/frameworks/f/executors/e/runs")
	box := filepath.Join(runsDir, "c")
	pod := filepath.Join(runsDir, "pod")
	for _, dir := range []string{box, pod} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(canary, filepath.Join(dir, "away")); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []core.Launch{
		{ID: "c", Container: &mesos.ContainerInfo{Volumes: []*mesos.Volume{hostPath("/etc", "away/x", mesos.Volume_RW)}}},
		{ID: "c", Container: &mesos.ContainerInfo{Volumes: []*mesos.Volume{sandboxPath(mesos.Volume_Source_SandboxPath_SELF, "away/x", "/mnt", mesos.Volume_RW)}}},
		{ID: "n", Pod: "pod", Container: &mesos.ContainerInfo{Volumes: []*mesos.Volume{sandboxPath(mesos.Volume_Source_SandboxPath_PARENT, "away/x", "x", mesos.Volume_RW)}}},
	} {
		if _, failed := r.run(t, l, ":"); !strings.Contains(failed, "escapes") {
			t.Errorf("%v: got %q, want a refusal", l.Container, failed)
		}
	}
	if entries, err := os.ReadDir(canary); err != nil || len(entries) > 0 {
		t.Errorf("the host directory was touched: %v, %v", entries, err)
	}
}

// Devices are bounded in every mode with cgroups, but not by a list that leaves them
// out; what is named is accounted.
func TestDevicesAndBlocks(t *testing.T) {
	if f, err := os.Open("/dev/fuse"); err != nil {
		t.Skipf("SKIP-ENV: the test itself may not open /dev/fuse: %v", err)
	} else {
		f.Close()
	}
	for mode, want := range map[string]string{runner.Auto: "", "cgroups/devices,cgroups/cpu": "", "cgroups/all": "", "cgroups/cpu": "opened\n"} {
		r := newRuns(t, mode)
		if got, why := r.run(t, core.Launch{ID: "c"}, "(: </dev/fuse) 2>/dev/null && echo opened; :"); got != want {
			t.Errorf("%s: got %q, %s; want %q", mode, got, why, want)
		}
	}
	fuse, err := isolation.DeviceAt("/dev/fuse", true, false, false)
	if err != nil {
		t.Fatal(err)
	}
	r := newRunsWith(t, runner.KernelOptions{Isolation: runner.Auto, Devices: []isolation.DeviceRule{fuse}})
	if got, why := r.run(t, core.Launch{ID: "c"}, "(: </dev/fuse) && echo opened"); got != "opened\n" {
		t.Errorf("a device that is allowed: got %q, %s", got, why)
	}
	if !probe.Host().Cgroups.Has("blkio") {
		t.Skip("SKIP-ENV: needs the blkio or io controller")
	}
	r = newRuns(t, "cgroups/blkio,cgroups/cpu")
	r.begin(t, core.Launch{ID: "c"}, "exec sleep 60")
	if u, err := r.runner.Usage("c"); err != nil || u.Block == nil {
		t.Errorf("got %+v, %v; want block transfers counted", u, err)
	}
}
