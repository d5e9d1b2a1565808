package sandbox

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenFlags keep an open from waiting for the other end of a pipe, and from
// making a terminal ours.
const OpenFlags = unix.O_NONBLOCK | unix.O_NOCTTY

// Owner is who a sandbox belongs to. The zero Owner is the agent itself.
type Owner struct {
	// Other is true if it is not the agent's own user.
	Other    bool
	UID, GID uint32
	Groups   []uint32
}

// LookupOwner finds a user of this machine by name; "" is the agent's own.
func LookupOwner(name string) (Owner, error) {
	if name == "" {
		return Owner{}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return Owner{}, fmt.Errorf("find user: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return Owner{}, fmt.Errorf("user %s has uid %q, want a number", name, u.Uid)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return Owner{}, fmt.Errorf("user %s has gid %q, want a number", name, u.Gid)
	}
	if int(uid) == os.Geteuid() {
		return Owner{}, nil
	}
	o := Owner{Other: true, UID: uint32(uid), GID: uint32(gid)}
	ids, err := u.GroupIds()
	if err != nil {
		return Owner{}, fmt.Errorf("find groups of user %s: %w", name, err)
	}
	for _, id := range ids {
		if g, err := strconv.ParseUint(id, 10, 32); err == nil {
			o.Groups = append(o.Groups, uint32(g))
		}
	}
	return o, nil
}

// Give makes the entry name in root belong to o. It follows no link.
func (o Owner) Give(root *os.Root, name string) error {
	if !o.Other {
		return nil
	}
	return root.Lchown(name, int(o.UID), int(o.GID))
}

// GiveFile makes an open file belong to o.
func (o Owner) GiveFile(f *os.File) error {
	if !o.Other {
		return nil
	}
	return f.Chown(int(o.UID), int(o.GID))
}
