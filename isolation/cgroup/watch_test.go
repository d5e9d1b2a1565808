package cgroup

import (
	"encoding/binary"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel reports an event by descriptor number, and by the time it is
// looked at the number may belong to another group's eventfd, which nobody
// has signalled.
func TestEventOfAClosedDescriptorIsNotItsSuccessors(t *testing.T) {
	w, err := newWatcher(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	x, err := w.eventFD()
	if err != nil {
		t.Fatal(err)
	}
	w.dispatch(x.key) // as if it were the event of an earlier owner of the number
	select {
	case <-x.ch:
		t.Fatal("an event that was not for this group woke it")
	default:
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	if _, err := unix.Write(int(x.key), one[:]); err != nil {
		t.Fatal(err)
	}
	<-x.ch // its own event does, through the watcher's goroutine
	w.forget(x)
}
