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

// Every name that Mesos knows is taken, or refused with what is missing.
func TestEveryIsolatorOfMesosHasAnAnswer(t *testing.T) {
	host := probe.Report{Root: true, Cgroups: probe.Cgroups{V2: "/u", V1: map[string]string{"cpu": "/c", "cpuacct": "/c", "memory": "/m", "pids": "/p",
		"blkio": "/b", "cpuset": "/s", "devices": "/d", "hugetlb": "/h", "net_cls": "/n", "net_prio": "/n", "perf_event": "/e"}}}
	bare := probe.Report{Cgroups: probe.Cgroups{}}
	for name, want := range map[string]struct {
		with     string // what it needs beside it
		absent   string // why there is none
		onNobody string // what a host without root and cgroups lacks
	}{
		"posix/cpu": {}, "posix/mem": {}, "posix/disk": {}, "posix/rlimits": {}, "disk/du": {}, "disk/xfs": {}, "process": {}, "cgroups": {}, "auto": {}, "posix": {},
		"cgroups/cpu":        {onNobody: `controller "cpu"`},
		"cgroups/mem":        {onNobody: `controller "memory"`},
		"cgroups/blkio":      {onNobody: `controller "blkio"`},
		"cgroups/cpuset":     {onNobody: `controller "cpuset"`},
		"cgroups/hugetlb":    {onNobody: `controller "hugetlb"`},
		"cgroups/net_cls":    {onNobody: `controller "net_cls"`},
		"cgroups/net_prio":   {onNobody: `controller "net_prio"`},
		"cgroups/perf_event": {onNobody: `controller "perf_event"`},
		"cgroups/pids":       {onNobody: `controller "pids"`},
		"cgroups/devices":    {onNobody: "this host has no cgroups mounted"},
		"cgroups/all":        {onNobody: "this host has no cgroups mounted"},
		"filesystem/posix":   {},
		"filesystem/linux":   {onNobody: "needs root"},
		"linux/capabilities": {}, "linux/nnp": {}, "linux/seccomp": {}, "volume/sandbox_path": {},
		"volume/host_path":     {with: "filesystem/linux", onNobody: "needs root"},
		"namespaces/pid":       {with: "filesystem/linux", onNobody: "needs cgroups"},
		"namespaces/ipc":       {with: "filesystem/linux", onNobody: "needs root"},
		"namespaces/cgroup":    {onNobody: "needs cgroups"},
		"appc/runtime":         {absent: "no images"},
		"docker/runtime":       {absent: "no images"},
		"volume/image":         {absent: "no images"},
		"docker/volume":        {absent: "no volume plugins"},
		"volume/csi":           {absent: "no volume plugins"},
		"volume/secret":        {absent: "no secrets"},
		"environment_secret":   {absent: "no secrets"},
		"network/cni":          {absent: "no networks"},
		"network/port_mapping": {absent: "no networks"},
		"network/ports":        {absent: "no networks"},
		"filesystem/shared":    {absent: "SANDBOX_PATH"},
		"filesystem/windows":   {absent: "for Linux"},
		"windows/cpu":          {absent: "for Linux"},
		"windows/mem":          {absent: "for Linux"},
		"gpu/nvidia":           {absent: "GPUs"},
		"linux/devices":        {absent: "--allowed-devices"},
	} {
		list := name
		if want.with != "" {
			if err := CheckIsolation(name); err == nil || !strings.Contains(err.Error(), want.with) {
				t.Errorf("%s alone: got %v, want that it needs %s", name, err, want.with)
			}
			list = want.with + "," + name
		}
		is, err := parseIsolation(list)
		if want.absent != "" {
			if err == nil || !strings.Contains(err.Error(), want.absent) || !strings.Contains(err.Error(), `"`+name+`"`) {
				t.Errorf("%s: got %v, want %q", name, err, want.absent)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := is.missing(&host); err != nil {
			t.Errorf("%s on a host with everything: %v", name, err)
		}
		err = is.missing(&bare)
		if (err == nil) != (want.onNobody == "") || err != nil && !strings.Contains(err.Error(), want.onNobody) {
			t.Errorf("%s on a bare host: got %v, want %q", name, err, want.onNobody)
		}
	}
	// Counted by the unified hierarchy alone, events need no controller.
	is, _ := parseIsolation("cgroups/perf_event")
	if err := is.missing(&probe.Report{Root: true, Cgroups: probe.Cgroups{V2: "/u", PerfOnV2: true}}); err != nil {
		t.Error(err)
	}
}
