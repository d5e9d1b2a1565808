package isolation

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caprock/caprock/isolation/bpf"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/isolation/probe"
	"golang.org/x/sys/unix"
)

// initCgroupNS is the fixed inode number of the initial cgroup namespace.
const initCgroupNS = 0xEFFFFFFB

// openBPF opens the accounts and closes those of groups that are gone.
func openBPF(o Options, tree *cgroup.Tree) (*bpf.Accounts, error) {
	report := probe.Host()
	switch {
	case tree.V2Dir() == "":
		return nil, fmt.Errorf("isolation: accounting needs a unified cgroup hierarchy; this host: %s", report.Cgroups)
	case !report.BTF.OK():
		return nil, fmt.Errorf("isolation: no kernel BTF: %s", report.BTF.Missing)
	case !report.BPF.OK():
		return nil, fmt.Errorf("isolation: %s", report.BPF.Missing)
	}
	accounts, err := bpf.Open(bpf.Options{PinDir: o.BPFPinDir, GroupsDir: tree.V2Dir(), GroupLevel: groupLevel(o.Root),
		MaxGroups: o.MaxGroups, Exits: report.InitNamespaces.OK(), Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	alive := map[uint64]bool{}
	names, err := tree.List()
	if err != nil {
		accounts.Close(false)
		return nil, err
	}
	for _, name := range names {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(tree.V2Dir(), name), &st) == nil {
			alive[st.Ino] = true
		}
	}
	if err := accounts.Retain(alive); err != nil {
		accounts.Close(false)
		return nil, err
	}
	return accounts, nil
}

// groupLevel is how deep our groups lie; unknown (0) if we see the hierarchy from
// inside a cgroup namespace.
func groupLevel(root string) int {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/cgroup", &st) != nil || st.Ino != initCgroupNS {
		return 0
	}
	return strings.Count(filepath.Clean(root), "/") + 2
}
