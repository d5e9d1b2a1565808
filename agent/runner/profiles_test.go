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

// profileDir has profiles that allow everything but a call or two.
func profileDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nodirs": `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
			"syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "args": [], "includes": {}, "excludes": {}}]}`,
		"norename": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["rename", "renameat", "renameat2"], "action": "SCMP_ACT_KILL_PROCESS"}]}`,
		"bycaps": `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN"]}},
			{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}`,
		"broken": "{\n\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"syscalls\": [{\"names\": [\"mkdir\"]}]}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func withProfile(name string, caps ...mesos.CapabilityInfo_Capability) *mesos.ContainerInfo {
	return linux(&mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{ProfileName: &name}, BoundingCapabilities: capabilities(caps...)})
}

// A container gets the profile that it names, from a file, however it is started; if
// there is none the launch fails and says where it was looked for.
func TestContainersNameSeccompProfiles(t *testing.T) {
	const makeDir = "mkdir d 2>&1 | sed 's/.*: //'; touch a; mv a b || echo killed"
	dir := profileDir(t)
	for _, mode := range modes {
		r := newRunsWith(t, runner.KernelOptions{Isolation: mode, Rights: runner.Rights{ProfileDir: dir}})
		for name, c := range map[string]struct {
			box           *mesos.ContainerInfo
			prints, fails string
		}{
			"none named":           {nil, "", ""},
			"of the agent":         {withProfile("default", mesos.CapabilityInfo_CHOWN), "", ""},
			"by call":              {withProfile("nodirs", mesos.CapabilityInfo_CHOWN), "Operation not permitted\n", ""},
			"killed":               {withProfile("norename", mesos.CapabilityInfo_CHOWN), "killed\n", ""},
			"by capability":        {withProfile("bycaps", mesos.CapabilityInfo_CHOWN), "", ""},
			"lacking a capability": {withProfile("bycaps", mesos.CapabilityInfo_KILL), "No space left on device\n", ""},
			"missing":              {withProfile("mine"), "", `no profile is called "mine": stat ` + dir + "/mine: no such file"},
			"broken":               {withProfile("broken"), "", dir + "/broken:3: got a rule for mkdir without an action"},
			"outside":              {withProfile("../../etc/passwd"), "", "want the name of a file in the agent's seccomp_config_dir"},
		} {
			got, failed := r.run(t, core.Launch{ID: strings.ReplaceAll(name, " ", "-"), Container: c.box}, makeDir)
			if c.fails != "" {
				if !strings.Contains(failed, c.fails) {
					t.Errorf("%s, %s: got %q, want %q", mode, name, failed, c.fails)
				}
			} else if got != c.prints || failed != "" {
				t.Errorf("%s, %s: got %q, %q; want %q", mode, name, got, failed, c.prints)
			}
		}
	}
}

// The agent's own choice holds for containers that name none, and stops the agent if it
// is not there.
func TestDefaultSeccompProfile(t *testing.T) {
	dir := profileDir(t)
	r := newRunsWith(t, runner.KernelOptions{Rights: runner.Rights{ProfileDir: dir, Profile: "nodirs"}})
	if got, why := r.run(t, core.Launch{ID: "a"}, "mkdir d 2>/dev/null || echo refused"); got != "refused\n" {
		t.Errorf("got %q, %s; want mkdir refused", got, why)
	}
	// A health check is in the same boat, and so is whoever names the built-in profile not.
	r.begin(t, core.Launch{ID: "b"}, "exec sleep 60")
	if check := r.check(t, "b"); check["Seccomp"] != "2" {
		t.Errorf("a check runs with Seccomp %q", check["Seccomp"])
	}
	if got, why := r.run(t, core.Launch{ID: "c", Container: linux(&mesos.LinuxInfo{Seccomp: &mesos.SeccompInfo{Unconfined: new(true)}})},
		"mkdir d && echo made"); got != "made\n" {
		t.Errorf("unconfined: got %q, %s", got, why)
	}
	// A profile that changes is read again.
	if err := os.WriteFile(filepath.Join(dir, "bycaps"), []byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, why := r.run(t, core.Launch{ID: "d", Container: withProfile("bycaps", mesos.CapabilityInfo_KILL)}, "mkdir d && echo made"); got != "made\n" {
		t.Errorf("a changed profile: got %q, %s", got, why)
	}
	for want, rights := range map[string]runner.Rights{
		"no profile is called": {ProfileDir: dir, Profile: "gone"},
		"broken:3":             {ProfileDir: dir, Profile: "broken"},
		"seccomp_config_dir":   {ProfileDir: filepath.Join(dir, "none")},
		"without a profile":    {Unconfined: true, Profile: "nodirs"},
	} {
		if k, err := runner.OpenKernel(runner.KernelOptions{Isolation: runner.Posix, Rights: rights}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, %v; want %q", rights, k, err, want)
		}
	}
}
