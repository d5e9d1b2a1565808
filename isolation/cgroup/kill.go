package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Signal sends sig to every process of the group at one moment. A process that
// forks meanwhile may leave a child without the signal; Kill has no such gap.
func (g *Group) Signal(sig syscall.Signal) error {
	pids, err := g.Pids()
	if err != nil {
		return err
	}
	var faults []error
	for _, pid := range pids {
		faults = append(faults, g.signalMember(pid, sig))
	}
	return errors.Join(faults...)
}

// signalMember signals pid if it is still a member: between reading the list and
// opening the pidfd the number may have been recycled outside.
func (g *Group) signalMember(pid int, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // gone
	}
	defer unix.Close(fd)
	if !g.Holds(pid) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("cgroup: %s: send %s to %d: %w", g.id, sig, pid, err)
	}
	return nil
}

// Holds reports whether a process is in the named group or below it.
func (t *Tree) Holds(id string, pid int) bool { return t.handle(id).Holds(pid) }

// Holds reports whether a process is in the group or below it.
func (g *Group) Holds(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	want := "/" + filepath.Join(filepath.Clean(g.tree.opts.Root), g.id)
	for _, line := range strings.Split(string(b), "\n") {
		// hierarchy-id:controllers:path; the unified one is "0::path".
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || (g.core().v2 != (parts[1] == "")) {
			continue
		}
		if !g.core().v2 && !strings.Contains(","+parts[1]+",", ",freezer,") {
			continue
		}
		// Anything may stand before our root if the mount shows a subtree only.
		return strings.Contains(parts[2]+"/", want+"/")
	}
	return false
}

// Kill ends every process of the group, however fast it forks, and returns when
// the signals are sent; WaitEmpty tells when they have worked. An empty group
// is fine.
func (g *Group) Kill() error {
	if !g.core().v2 {
		return g.killV1()
	}
	err := write(g.coreFile("cgroup.kill"), "1")
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Stat(g.dir(g.tree.core)); gone != nil {
			return nil
		}
		// Kernels before 5.14: frozen processes neither fork nor exit, and
		// SIGKILL reaches them.
		if err := write(g.coreFile("cgroup.freeze"), "1"); err != nil {
			return err
		}
		defer write(g.coreFile("cgroup.freeze"), "0")
		return g.Signal(unix.SIGKILL)
	}
	return err
}

// killV1 repeats freeze, SIGKILL, thaw until no process is left to signal:
// a frozen fork bomb cannot outrun the list, and what was in the middle of a fork
// is found by the next round.
func (g *Group) killV1() error {
	for round := 0; ; round++ {
		pids, err := g.Pids()
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := g.Freeze(); err != nil && !errors.Is(err, errNotFrozen) {
			return err
		}
		err = g.Signal(unix.SIGKILL)
		// v1 delivers even SIGKILL only after the thaw.
		if err := errors.Join(err, g.Thaw()); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		empty := g.WaitEmpty(ctx) == nil
		cancel()
		if empty {
			return nil
		}
		if round == 100 {
			return fmt.Errorf("cgroup: %s: %d processes survive SIGKILL: %w", g.id, len(pids), unix.EBUSY)
		}
	}
}

var errNotFrozen = errors.New("not all processes could be frozen")

// Freeze stops every process of the group where it is, and waits up to a second
// until all stand still.
func (g *Group) Freeze() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if g.core().v2 {
		if err := write(g.coreFile("cgroup.freeze"), "1"); err != nil {
			return err
		}
		return g.await(ctx, "frozen", func() (bool, error) { return g.coreEvent("frozen", "1") })
	}
	// v1 may stay in FREEZING when a process was just forking; writing again
	// picks it up.
	return g.await(ctx, "frozen", func() (bool, error) {
		if err := write(g.coreFile("freezer.state"), "FROZEN"); err != nil {
			return false, err
		}
		state, err := read(g.coreFile("freezer.state"))
		return state == "FROZEN", err
	})
}

// Thaw lets the group run on.
func (g *Group) Thaw() error {
	if g.core().v2 {
		return write(g.coreFile("cgroup.freeze"), "0")
	}
	return write(g.coreFile("freezer.state"), "THAWED")
}

// WaitEmpty returns when no live process is in the group, or with ctx's error.
func (g *Group) WaitEmpty(ctx context.Context) error {
	return g.await(ctx, "empty", func() (bool, error) {
		if g.core().v2 {
			return g.coreEvent("populated", "0")
		}
		pids, err := g.Pids()
		return len(pids) == 0, err
	})
}

// coreEvent compares one key of cgroup.events; a group that is gone has every
// property that one could wait for.
func (g *Group) coreEvent(key, want string) (bool, error) {
	text, err := read(g.coreFile("cgroup.events"))
	if err != nil {
		return true, ignoreGone(err)
	}
	for _, line := range strings.Split(text, "\n") {
		if k, v, _ := strings.Cut(line, " "); k == key {
			return v == want, nil
		}
	}
	return false, nil
}

// await waits for cond: woken by cgroup.events on v2, by a growing timer (1 to
// 16 ms) on v1, which has no such event.
func (g *Group) await(ctx context.Context, what string, cond func() (bool, error)) error {
	var event <-chan struct{}
	pause, longest := time.Millisecond, 16*time.Millisecond
	if g.core().v2 {
		if ok, err := cond(); ok || err != nil {
			return err
		}
		w := g.tree.watch.file(g.coreFile("cgroup.events"))
		if w.ch != nil {
			defer g.tree.watch.forget(w)
			// A safety net only: the event is what wakes us.
			event, pause, longest = w.ch, 100*time.Millisecond, 100*time.Millisecond
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		if ok, err := cond(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if what == "frozen" {
				return fmt.Errorf("cgroup: %s: %w", g.id, errNotFrozen)
			}
			return fmt.Errorf("cgroup: %s: not %s: %w", g.id, what, ctx.Err())
		case <-event:
		case <-timer.C:
			pause = min(2*pause, longest)
			timer.Reset(pause)
		}
	}
}

// Destroy kills what is left in the group, waits for it to be gone, and removes
// the directories, those that the task itself has made below included. It can be
// repeated; a group that does not exist is no error.
func (g *Group) Destroy() error {
	ctx, cancel := context.WithTimeout(context.Background(), g.tree.opts.RemoveTimeout)
	defer cancel()
	g.Release()
	g.tree.step("kill " + g.id)
	if err := ignoreGone(g.Kill()); err != nil {
		return err
	}
	if err := ignoreGone(g.Thaw()); err != nil {
		return err
	}
	if err := ignoreGone(g.WaitEmpty(ctx)); err != nil {
		return err
	}
	var faults []error
	for i := range g.tree.hiers {
		g.tree.step("remove " + g.dir(i))
		faults = append(faults, removeTree(ctx, g.dir(i)))
	}
	return errors.Join(faults...)
}

// Release closes the group's descriptors and ends its watches; the group itself
// stays. Destroy does it too.
func (g *Group) Release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.gone = true
	for _, c := range []*counter{g.mu.cpu, g.mu.mem} {
		if c != nil {
			c.close()
		}
	}
	if g.mu.events != nil {
		g.mu.events.close()
	}
	g.mu.cpu, g.mu.mem, g.mu.events = nil, nil, nil
	for _, w := range g.watched {
		g.tree.watch.forget(w)
	}
	g.watched = nil
}

// removeTree removes dir and the groups below it. Processes that have exited may
// keep a directory busy until the scheduler has dropped them, for some
// microseconds to milliseconds: retried until ctx ends.
func removeTree(ctx context.Context, dir string) error {
	err := os.Remove(dir)
	for pause := time.Millisecond; err != nil && !errors.Is(err, fs.ErrNotExist); pause = min(2*pause, 50*time.Millisecond) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				if err := removeTree(ctx, filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
		if err = os.Remove(dir); err == nil || !errors.Is(err, unix.EBUSY) {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("cgroup: %w", err)
		case <-timer.C:
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("cgroup: %w", err)
}
