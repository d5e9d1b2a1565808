package runner

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/mesos"
)

// memoryOptions are what option "o" may say, as mount(8) has them; those that take a
// value end in "=".
var memoryOptions = []string{"size=", "nr_inodes=", "mode=", "uid=", "gid=", "ro", "rw", "noexec", "exec", "nosuid", "nodev"}

// addMemory mounts a file system in memory: what Docker's own volume driver makes of
// the options type=tmpfs and o=size=…. It is the container's alone, empty at each
// start, and what is in it counts as the container's memory.
func (v *volumes) addMemory(one *mesos.Volume) error {
	if !core.IsMemory(one) {
		return fmt.Errorf("docker volume: got driver %q, want %q with the option type=tmpfs", one.GetSource().GetDockerVolume().GetDriver(), core.LocalDriver)
	}
	m := isolation.Mount{Source: "tmpfs", FSType: "tmpfs", Flags: unix.MS_NOSUID | unix.MS_NODEV}
	data := []string{"mode=1777"}
	if limit := v.launch.Limits.MemBytes; limit > 0 {
		data = append(data, fmt.Sprintf("size=%d", limit))
	}
	for _, p := range one.GetSource().GetDockerVolume().GetDriverOptions().GetParameter() {
		switch key, value := p.GetKey(), p.GetValue(); key {
		case "type":
		case "device":
			if value != "tmpfs" && value != "none" {
				return fmt.Errorf("docker volume: got device %q, want tmpfs", value)
			}
		case "o":
			given, flags, err := parseMemoryOptions(value)
			if err != nil {
				return err
			}
			// Of two values for one thing the last counts.
			data, m.Flags = append(data, given...), m.Flags|flags
		default:
			return fmt.Errorf("docker volume: got option %q, want type, device or o", key)
		}
	}
	m.Data = strings.Join(data, ",")
	if info, err := os.Stat(one.GetContainerPath()); strings.HasPrefix(one.GetContainerPath(), "/") && err == nil && !info.IsDir() {
		return fmt.Errorf("an absolute container_path must be a directory: %s is none", one.GetContainerPath())
	}
	return v.mount(one, m, true)
}

func parseMemoryOptions(text string) (data []string, flags uintptr, err error) {
	for option := range strings.SplitSeq(text, ",") {
		name, _, valued := strings.Cut(option, "=")
		if valued {
			name += "="
		}
		switch {
		case option == "":
		case !slices.Contains(memoryOptions, name):
			return nil, 0, fmt.Errorf("docker volume: got mount option %q, want some of %s", option, strings.Join(memoryOptions, ", "))
		case valued:
			data = append(data, option)
		case option == "ro":
			flags |= unix.MS_RDONLY
		case option == "noexec":
			flags |= unix.MS_NOEXEC
		}
	}
	return data, flags, nil
}
