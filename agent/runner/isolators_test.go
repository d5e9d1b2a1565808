package runner

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/probe"
	"github.com/caprock/caprock/wire/mesos"
)

func TestIsolationLists(t *testing.T) {
	for _, c := range []struct {
		list    string
		limited []string // nil: all
		fault   string
	}{
		{"", nil, ""},
		{"auto", nil, ""},
		{"posix", nil, ""},
		{"cgroups/cpu,cgroups/mem", []string{"cpu", "memory"}, ""},
		{"cgroups/mem, linux/seccomp,linux/capabilities,filesystem/posix", []string{"memory"}, ""},
		{"cgroups/all", []string{"cpu", "memory", "pids"}, ""},
		{"cgroups/blkio,cgroups/devices,cgroups/cpuset,cgroups/cpu", []string{"cpu"}, ""},
		{"disk/du,cgroups/cpu", []string{"cpu"}, ""},
		{"posix/disk,disk/du", []string{}, ""},
		{"posix/cpu,cgroups/mem", []string{"memory"}, ""},
		{"process", []string{}, ""},
		{"cgroups/cpu,cgroups/cpu", nil, `"cgroups/cpu" is named twice`},
		{"cgroups/cpu,posix/cpu", nil, "want one of them"},
		{"auto,posix", nil, "want one of them"},
		{"auto,cgroups/cpu", nil, "want it alone"},
		{"network/cni", nil, `"network/cni" is an isolator of Mesos that Caprock does not have`},
		{"filesystem/linux,namespaces/pid,namespaces/ipc,volume/host_path,posix/rlimits", []string{}, ""},
		{"namespaces/pid", nil, "namespaces/pid needs filesystem/linux"},
		{"cgroups/cpu,volume/host_path", nil, "volume/host_path needs filesystem/linux"},
		{"filesystem/linux,filesystem/posix", nil, "want one of them"},
		{"cgroups/flux", nil, `got "cgroups/flux", want auto`},
		{"auto,", nil, `got ""`},
	} {
		is, err := parseIsolation(c.list)
		switch {
		case c.fault != "":
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%q: got %v, want an error with %q", c.list, err, c.fault)
			}
		case err != nil:
			t.Errorf("%q: %v", c.list, err)
		case !slices.Equal(is.limited(), c.limited) || (is.limited() == nil) != (c.limited == nil):
			t.Errorf("%q: limited by %q, want %q", c.list, is.limited(), c.limited)
		}
	}
}

func TestWantsDiskUsage(t *testing.T) {
	for list, want := range map[string]bool{"auto": false, "disk/du": true, "cgroups/cpu, posix/disk": true, "posix": false} {
		if got := WantsDiskUsage(list); got != want {
			t.Errorf("%s: got %t", list, got)
		}
	}
}

func TestMissingControllersAreNamed(t *testing.T) {
	is, err := parseIsolation("cgroups/cpu,cgroups/mem,cgroups/pids")
	if err != nil {
		t.Fatal(err)
	}
	err = is.missing(&probe.Report{Root: true, Cgroups: probe.Cgroups{V1: map[string]string{"cpu": "/c", "pids": "/p"}, V2: "/u", V2Controllers: []string{"memory"}}})
	if err == nil || !strings.Contains(err.Error(), `cgroups/mem needs the cgroup controller "memory"`) || strings.Count(err.Error(), "needs") != 1 {
		t.Errorf("got %v, want that memory alone is missing", err)
	}
	if _, err := OpenKernel(KernelOptions{Isolation: "network/port_mapping", Logger: slog.Default()}); err == nil {
		t.Error("an isolator that does not exist here was taken")
	}
}

func TestCapabilityMask(t *testing.T) {
	got, err := CapabilityMask(&mesos.CapabilityInfo{Capabilities: []mesos.CapabilityInfo_Capability{
		mesos.CapabilityInfo_CHOWN, mesos.CapabilityInfo_NET_RAW, mesos.CapabilityInfo_CHECKPOINT_RESTORE}})
	if want := uint64(1<<unix.CAP_CHOWN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_CHECKPOINT_RESTORE); got != want || err != nil {
		t.Errorf("got %#x, %v; want %#x", got, err, want)
	}
	if _, err := CapabilityMask(&mesos.CapabilityInfo{Capabilities: []mesos.CapabilityInfo_Capability{0}}); err == nil {
		t.Error("UNKNOWN was taken")
	}
}
