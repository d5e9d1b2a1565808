package alloc_test

import (
	"errors"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/caprock/caprock/wire/httpc"
)

// failingDisk is a disk that works until it is broken, and then is full.
func failingDisk() (fs vfs.FS, breakIt func()) {
	var broken atomic.Bool
	full := errors.New("no space left on device")
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return full
		}
		return nil
	})), func() { broken.Store(true) }
}

func newClient() *httpc.Client { return httpc.New(httpc.Options{}) }
