package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// DeviceRule lets a group use devices; what no rule allows is refused.
type DeviceRule struct {
	Block        bool // block devices; character devices otherwise
	Major, Minor uint32
	// AnyMajor and AnyMinor stand for all of them.
	AnyMajor, AnyMinor bool
	Read, Write, Mknod bool
}

// String is the kernel's text: "c 1:3 rwm", "b *:* m".
func (r DeviceRule) String() string {
	var b strings.Builder
	b.WriteByte('c')
	if r.Block {
		b.Reset()
		b.WriteByte('b')
	}
	number := func(n uint32, any bool) string {
		if any {
			return "*"
		}
		return fmt.Sprint(n)
	}
	b.WriteString(" " + number(r.Major, r.AnyMajor) + ":" + number(r.Minor, r.AnyMinor) + " ")
	for _, access := range []struct {
		on   bool
		name string
	}{{r.Read, "r"}, {r.Write, "w"}, {r.Mknod, "m"}} {
		if access.on {
			b.WriteString(access.name)
		}
	}
	return b.String()
}

// DefaultDevices are what programs need: terminals, /dev/null and the like, random
// numbers, tunnels. Nodes of all devices can be made, but not opened.
func DefaultDevices() []DeviceRule {
	rules := []DeviceRule{{AnyMajor: true, AnyMinor: true, Mknod: true}, {Block: true, AnyMajor: true, AnyMinor: true, Mknod: true}}
	for _, d := range []Device{
		{5, 1}, {4, 0}, {4, 1}, // console, tty0, tty1
		{5, 0}, {5, 2}, // tty, ptmx
		{10, 200},              // net/tun
		{1, 3}, {1, 5}, {1, 7}, // null, zero, full
		{1, 8}, {1, 9}, // random, urandom
	} {
		rules = append(rules, DeviceRule{Major: d.Major, Minor: d.Minor, Read: true, Write: true, Mknod: true})
	}
	const pts = 136
	return append(rules, DeviceRule{Major: pts, AnyMinor: true, Read: true, Write: true, Mknod: true})
}

// DeviceAt is the rule for the device node at path.
func DeviceAt(path string, read, write, mknod bool) (DeviceRule, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return DeviceRule{}, fmt.Errorf("cgroup: device %s: %w", path, err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFBLK && kind != unix.S_IFCHR {
		return DeviceRule{}, fmt.Errorf("cgroup: %s is no device", path)
	}
	if !read && !write && !mknod {
		return DeviceRule{}, fmt.Errorf("cgroup: device %s: got no kind of access, want read, write or mknod", path)
	}
	return DeviceRule{Block: kind == unix.S_IFBLK, Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev),
		Read: read, Write: write, Mknod: mknod}, nil
}

// RestrictDevices bounds the devices of all groups of the tree by v1's controller:
// our root is restricted, and what is made below it inherits that. Groups that exist
// already follow when a rule is taken away, as v1 does it, but not when one is added.
func (t *Tree) RestrictDevices(rules []DeviceRule) error {
	i := slices.IndexFunc(t.hiers, func(h hierarchy) bool { return !h.v2 && slices.Contains(h.controllers, "devices") })
	if i < 0 {
		return fmt.Errorf("cgroup: devices: %w", ErrNoController)
	}
	dir := t.hiers[i].dir
	if err := write(filepath.Join(dir, "devices.deny"), "a"); err != nil {
		return err
	}
	var faults []error
	for _, r := range rules {
		faults = append(faults, write(filepath.Join(dir, "devices.allow"), r.String()))
	}
	return errors.Join(faults...)
}
