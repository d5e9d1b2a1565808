package fetch

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/sandbox"
)

// openLocal opens a file of this machine with the rights of owner: an agent that
// runs as root must not read for a task what the task could not.
func openLocal(name string, owner sandbox.Owner) (io.ReadCloser, error) {
	f, err := openAs(name, owner)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s, want a regular file", name, info.Mode().Type())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func openAs(name string, owner sandbox.Owner) (*os.File, error) {
	if !owner.Other {
		return os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		// The identity for file access belongs to the thread, which ends with
		// this goroutine as it is never unlocked.
		runtime.LockOSThread()
		if err := becomeForFiles(owner); err != nil {
			done <- result{nil, err}
			return
		}
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}
