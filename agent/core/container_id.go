package core

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// ContainerID names a container by the values of its ids from the root down to its
// own. Values hold no dot, so the dotted text is unambiguous.
type ContainerID []string

// ContainerIDOf is a Mesos ContainerID, whose parents are inside of it, as a path.
func ContainerIDOf(id *mesos.ContainerID) ContainerID {
	var path ContainerID
	for ; id != nil; id = id.Parent {
		path = append(ContainerID{id.GetValue()}, path...)
	}
	return path
}

// Proto is the inverse of ContainerIDOf.
func (id ContainerID) Proto() *mesos.ContainerID {
	var out *mesos.ContainerID
	for _, value := range id {
		out = &mesos.ContainerID{Value: &value, Parent: out}
	}
	return out
}

func (id ContainerID) String() string { return strings.Join(id, ".") }

// parent is nil for a root.
func (id ContainerID) parent() ContainerID {
	if len(id) < 2 {
		return nil
	}
	return id[:len(id)-1]
}

// maxKernelName leaves room for two names, with a number each, in the 200 bytes that
// the name of a container may have in the kernel.
const maxKernelName = 64

// hashed begins the names in the kernel that are made of a digest.
const hashed = "h-"

// kernelName is the name that stands for a value, which users choose, in the
// kernel: the value itself if it is plain, else a digest of it.
func kernelName(value string) string {
	plain := strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
	switch value {
	case "", "tasks", "notify_on_release", "release_agent":
		plain = false
	}
	if plain && len(value) <= maxKernelName && !strings.HasPrefix(value, hashed) {
		return value
	}
	digest := sha256.Sum256([]byte(value))
	return hashed + hex.EncodeToString(digest[:16])
}
