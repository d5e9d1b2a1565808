package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// watcher turns kernel notifications into channel sends: one epoll descriptor,
// holding one inotify descriptor for v2 event files and an eventfd for each v1
// memory group, watched by one goroutine through Go's own poller.
type watcher struct {
	epoll   *os.File
	inotify int
	log     *slog.Logger
	done    chan struct{}

	mu struct {
		sync.Mutex
		// Keyed by descriptor (eventfds) or by watch (inotify).
		eventFDs map[int32]chan struct{}
		files    map[int32]chan struct{}
		closed   bool
	}
}

// watch is one thing waited for. ch has room for one event; more are merged.
type watch struct {
	ch   chan struct{}
	key  int32
	file bool
	stop chan struct{} // closed by forget
}

func newWatcher(log *slog.Logger) (*watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cgroup: epoll: %w", err)
	}
	w := &watcher{log: log, done: make(chan struct{})}
	w.mu.eventFDs, w.mu.files = map[int32]chan struct{}{}, map[int32]chan struct{}{}
	w.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, w.inotify, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.inotify)})
	}
	if err == nil {
		err = unix.SetNonblock(epfd, true)
	}
	if err != nil {
		unix.Close(epfd)
		return nil, fmt.Errorf("cgroup: inotify: %w", err)
	}
	w.epoll = os.NewFile(uintptr(epfd), "cgroup-events")
	go w.run()
	return w, nil
}

// file watches a v2 event file; a zero watch if that cannot be.
func (w *watcher) file(path string) watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		return watch{}
	}
	wd, err := unix.InotifyAddWatch(w.inotify, path, unix.IN_MODIFY)
	if err != nil {
		return watch{}
	}
	// Two waiters on one file share its watch; the channel wakes one of them and
	// the other one's timer does the rest.
	ch := w.mu.files[int32(wd)]
	if ch == nil {
		ch = make(chan struct{}, 1)
		w.mu.files[int32(wd)] = ch
	}
	return watch{ch: ch, key: int32(wd), file: true, stop: make(chan struct{})}
}

// eventFD returns a watch on a fresh eventfd, which is what v1 signals.
func (w *watcher) eventFD() (watch, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return watch{}, fmt.Errorf("cgroup: eventfd: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		unix.Close(fd)
		return watch{}, os.ErrClosed
	}
	conn, err := w.epoll.SyscallConn()
	if err == nil {
		cerr := conn.Control(func(epfd uintptr) {
			err = unix.EpollCtl(int(epfd), unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		})
		err = errors.Join(err, cerr)
	}
	if err != nil {
		unix.Close(fd)
		return watch{}, fmt.Errorf("cgroup: watch eventfd: %w", err)
	}
	ch := make(chan struct{}, 1)
	w.mu.eventFDs[int32(fd)] = ch
	return watch{ch: ch, key: int32(fd), stop: make(chan struct{})}, nil
}

// forget ends a watch.
func (w *watcher) forget(x watch) {
	if x.ch == nil {
		return
	}
	close(x.stop)
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.file {
		if w.mu.files[x.key] == x.ch && !w.mu.closed {
			unix.InotifyRmWatch(w.inotify, uint32(x.key))
		}
		delete(w.mu.files, x.key)
	} else if w.mu.eventFDs[x.key] == x.ch {
		delete(w.mu.eventFDs, x.key)
		unix.Close(int(x.key))
	}
}

func (w *watcher) run() {
	defer close(w.done)
	conn, err := w.epoll.SyscallConn()
	if err != nil {
		return
	}
	err = conn.Read(func(epfd uintptr) bool {
		for {
			var events [32]unix.EpollEvent
			n, err := unix.EpollWait(int(epfd), events[:], 0)
			if err != nil && err != unix.EINTR {
				w.log.Error("cgroup events are lost", "err", err)
				return true
			}
			if n <= 0 && err == nil {
				return false // sleep in Go's poller
			}
			for _, e := range events[:max(n, 0)] {
				w.dispatch(e.Fd)
			}
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.mu.closed {
		w.log.Error("cgroup events are lost", "err", err)
	}
}

func (w *watcher) dispatch(fd int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if int(fd) != w.inotify {
		// An event may be of a descriptor that was closed since, and its number in
		// use again for another group. Only a descriptor that was signalled can be
		// read; without this test a removed group's event was taken for an OOM of
		// the group that got its number.
		var b [8]byte
		if ch := w.mu.eventFDs[fd]; ch != nil {
			if n, _ := unix.Read(int(fd), b[:]); n == len(b) {
				nudge(ch)
			}
		}
		return
	}
	var buf [4096]byte
	n, _ := unix.Read(w.inotify, buf[:])
	for off := 0; off+unix.SizeofInotifyEvent <= n; {
		wd := int32(binary.NativeEndian.Uint32(buf[off:]))
		nudge(w.mu.files[wd])
		off += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[off+12:]))
	}
}

// nudge sends unless an event is waiting already.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (w *watcher) close() error {
	w.mu.Lock()
	w.mu.closed = true
	w.mu.Unlock()
	err := w.epoll.Close()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	unix.Close(w.inotify)
	for fd := range w.mu.eventFDs {
		unix.Close(int(fd))
	}
	clear(w.mu.eventFDs)
	return err
}

// watchOOM makes g.oom close when the kernel kills for memory.
func (g *Group) watchOOM() error {
	if g.hier("memory") < 0 {
		return nil
	}
	// Not in the loop, which may begin when another group has the name.
	born := inode(g.path("memory", ""))
	var w watch
	if g.hasV2("memory") {
		if w = g.tree.watch.file(g.path("memory", "memory.events")); w.ch == nil {
			return nil
		}
	} else {
		var err error
		if w, err = g.tree.watch.eventFD(); err != nil {
			return err
		}
		if err := g.registerV1(w.key); err != nil {
			g.tree.watch.forget(w)
			return err
		}
	}
	g.watched = append(g.watched, w)
	go g.oomLoop(w, born)
	return nil
}

// registerV1 connects the eventfd with memory.oom_control.
func (g *Group) registerV1(eventFD int32) error {
	f, err := os.Open(g.path("memory", "memory.oom_control"))
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	defer f.Close()
	return write(g.path("memory", "cgroup.event_control"), fmt.Sprintf("%d %d", eventFD, f.Fd()))
}

// oomLoop ends when the group is released or has had its OOM. v2 events come for
// any counter of the file, so the count of kills decides. v1 notifies before it
// kills, and otherwise only when the group is removed: an event of a group that
// is still there is an OOM, whatever the counter says yet.
func (g *Group) oomLoop(w watch, born uint64) {
	kills, err := g.oomKills()
	if inode(g.path("memory", "")) != born {
		return
	}
	for err == nil && kills == 0 {
		select {
		case <-w.ch:
		case <-w.stop:
			return
		case <-g.tree.watch.done:
			return
		}
		kills, err = g.oomKills()
		if inode(g.path("memory", "")) != born {
			return // removed, and perhaps made anew under the same name
		}
		if err == nil && !g.hasV2("memory") {
			break
		}
	}
	if err == nil {
		close(g.oom)
	}
}

// inode of a directory, 0 if it is not there.
func inode(dir string) uint64 {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return 0
	}
	return st.Ino
}

// oomKills reads how many processes were killed for memory.
func (g *Group) oomKills() (uint64, error) {
	file := "memory.oom_control"
	if g.hasV2("memory") {
		file = "memory.events"
	}
	text, err := read(g.path("memory", file))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(text, "\n") {
		if key, value, _ := strings.Cut(line, " "); key == "oom_kill" {
			return strconv.ParseUint(value, 10, 64)
		}
	}
	return 0, nil
}
