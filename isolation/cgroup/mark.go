package cgroup

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// mark is the extended attribute of groups that we made, in the hierarchy that lists processes. It takes a
// privileged process to set; where that is refused there are no marks.
const mark = "trusted.caprock"

// Values of the mark.
const (
	unmarked = ""
	// made: no process was to be put into the group yet.
	made = "1"
	// entered: one was going to be.
	entered = "2"
)

func (g *Group) setMark(value string) error {
	err := unix.Setxattr(g.dir(g.tree.core), mark, []byte(value), 0)
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("cgroup: mark %s: %w", g.id, err)
	}
	return nil
}

func (g *Group) readMark() string {
	var b [8]byte
	n, err := unix.Getxattr(g.dir(g.tree.core), mark, b[:])
	if err != nil {
		return unmarked
	}
	return string(b[:n])
}

// Fresh reports whether Enter was never called on the group since it was made, by whichever agent; known is
// false if the group has no mark to tell by.
func (g *Group) Fresh() (fresh, known bool) {
	m := g.readMark()
	return m == made, m != unmarked
}
