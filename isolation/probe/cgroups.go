package probe

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Mode is how controllers are spread over hierarchies.
type Mode string

const (
	// ModeNone: no usable cgroups at all.
	ModeNone Mode = "none"
	// ModeV1: controllers on v1 hierarchies, no unified one.
	ModeV1 Mode = "v1"
	// ModeHybrid: controllers on v1; the unified hierarchy has at least its core
	// (freeze, kill, events, clone into, BPF by cgroup id).
	ModeHybrid Mode = "hybrid"
	// ModeV2: the unified hierarchy has the cpu and memory controllers; or whatever it
	// has, if there is no other.
	ModeV2 Mode = "v2"
)

// Cgroups says where the hierarchies are mounted.
type Cgroups struct {
	// V2 is the mount point of the unified hierarchy, or empty.
	V2 string
	// V2Controllers are those the unified hierarchy offers.
	V2Controllers []string
	// V1 maps a controller to the mount point of its hierarchy; controllers
	// mounted together share one.
	V1 map[string]string
	// PerfOnV2: performance events are counted by groups of the unified hierarchy,
	// which takes no controller there.
	PerfOnV2 bool
}

// Mode tells which of the arrangements this is.
func (c Cgroups) Mode() Mode {
	switch {
	case c.V2 != "" && slices.Contains(c.V2Controllers, "cpu") && slices.Contains(c.V2Controllers, "memory"):
		return ModeV2
	case c.V2 != "" && len(c.V1) > 0:
		return ModeHybrid
	case len(c.V1) > 0:
		return ModeV1
	case c.V2 != "":
		return ModeV2
	}
	return ModeNone
}

// Has reports whether a controller, by its name of v1, is usable on either kind of
// hierarchy. Controllers of the unified hierarchy of a hybrid host are not: to enable
// one there would take it from whoever manages the host.
func (c Cgroups) Has(controller string) bool {
	return c.V1[controller] != "" || c.Mode() == ModeV2 && slices.Contains(c.V2Controllers, V2Name(controller))
}

// V2Name is what v2 calls a controller of v1.
func V2Name(controller string) string {
	if controller == "blkio" {
		return "io"
	}
	return controller
}

// String reads "hybrid: v2 at /x (hugetlb), v1 cpu,memory,pids".
func (c Cgroups) String() string {
	s := string(c.Mode())
	if c.V2 != "" {
		s += fmt.Sprintf(": v2 at %s (%s)", c.V2, strings.Join(c.V2Controllers, ","))
	}
	if len(c.V1) > 0 {
		s += "; v1 " + strings.Join(slices.Sorted(maps.Keys(c.V1)), ",")
	}
	return s
}

// FindCgroups reads the mounts of this process.
func FindCgroups() (Cgroups, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Cgroups{}, fmt.Errorf("probe: %w", err)
	}
	defer f.Close()
	c, err := parseMountinfo(f)
	if err != nil || c.V2 == "" {
		return c, err
	}
	b, err := os.ReadFile(c.V2 + "/cgroup.controllers")
	if err != nil {
		return c, fmt.Errorf("probe: %w", err)
	}
	c.V2Controllers = strings.Fields(string(b))
	c.PerfOnV2 = c.V1["perf_event"] == "" && inUnified("perf_event")
	return c, nil
}

// inUnified reports whether a controller that this kernel has is in no hierarchy of v1.
func inUnified(controller string) bool {
	b, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		// name, hierarchy, number of groups, enabled
		if f := strings.Fields(line); len(f) == 4 && f[0] == controller {
			return f[1] == "0" && f[3] == "1"
		}
	}
	return false
}

// v1Options are super options of a v1 mount that name no controller.
var v1Options = []string{"rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods"}

// parseMountinfo finds the cgroup mounts in /proc/PID/mountinfo. Of several
// mounts of one hierarchy the first counts.
func parseMountinfo(r io.Reader) (Cgroups, error) {
	c := Cgroups{V1: map[string]string{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		// 36 35 98:0 /root /mnt rw,noatime shared:1 - fstype source superoptions
		before, after, ok := strings.Cut(lines.Text(), " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(head) < 5 || len(tail) < 3 {
			continue
		}
		switch point := unescape(head[4]); tail[0] {
		case "cgroup2":
			if c.V2 == "" {
				c.V2 = point
			}
		case "cgroup":
			for _, o := range strings.Split(tail[2], ",") {
				if slices.Contains(v1Options, o) || strings.Contains(o, "=") || c.V1[o] != "" {
					continue
				}
				c.V1[o] = point
			}
		}
	}
	return c, lines.Err()
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
