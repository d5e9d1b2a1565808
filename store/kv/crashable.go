package kv

import (
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// CrashableFS is a file system in memory that remembers what was synced, for
// tests of what survives a power loss.
type CrashableFS struct{ *vfs.MemFS }

// NewCrashableFS returns an empty one.
func NewCrashableFS() CrashableFS { return CrashableFS{vfs.NewCrashableMem()} }

// Crash returns the file system as a machine would find it after losing power
// now: everything that was synced, and unsyncedPercent of the other blocks and
// directory entries, picked by seed. The running file system is unaffected, so
// a test goes on with the clone only.
func (c CrashableFS) Crash(unsyncedPercent int, seed uint64) CrashableFS {
	return CrashableFS{c.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: unsyncedPercent,
		RNG:                 rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)),
	})}
}
