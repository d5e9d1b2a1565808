package probe

import (
	"strings"
	"testing"
)

func TestParseMountinfo(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Mode
	}{
		{"hybrid", `30 24 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 24 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 24 0:28 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw`, ModeHybrid},
		{"v1", `30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`, ModeV1},
		{"none", "1 1 0:1 / / rw - ext4 /dev/vda rw\nrubbish\n", ModeNone},
	} {
		got, err := parseMountinfo(strings.NewReader(c.text))
		if err != nil || got.Mode() != c.want {
			t.Errorf("%s: got %s, %v; want mode %s", c.name, got, err, c.want)
		}
	}
	c, _ := parseMountinfo(strings.NewReader("30 24 0:26 / /cg\\040x rw - cgroup cgroup rw,cpu,cpuacct\n"))
	if c.V1["cpu"] != "/cg x" || c.V1["cpuacct"] != "/cg x" || len(c.V1) != 2 {
		t.Errorf("got %v, want cpu and cpuacct at \"/cg x\"", c.V1)
	}
}

func TestWholeV2NeedsCPUAndMemory(t *testing.T) {
	c := Cgroups{V2: "/cg", V2Controllers: []string{"cpu", "memory", "pids"}}
	if core := (Cgroups{V2: "/u"}); core.Mode() != ModeV2 || core.Has("memory") {
		t.Errorf("a unified hierarchy alone, without controllers: got %s", core)
	}
	if c.Mode() != ModeV2 || !c.Has("pids") || c.Has("freezer") {
		t.Errorf("got %s", c)
	}
}

func TestReportPrintsEveryFeature(t *testing.T) {
	text := Host().String()
	t.Log("\n" + text)
	for _, want := range []string{"cgroups: ", "BPF programs: ", "exit status by pidfd: ", "clone into cgroup: "} {
		if !strings.Contains(text, want) {
			t.Errorf("report lacks %q", want)
		}
	}
}
