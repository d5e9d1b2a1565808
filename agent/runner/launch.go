package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

func (r *Runner) launch(l core.Launch) {
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	r.launching[l.ID] = cancel
	if r.stopped {
		cancel()
	}
	r.mu.Unlock()
	go func() {
		p, err := r.start(ctx, l)
		r.mu.Lock()
		delete(r.launching, l.ID)
		stopped := r.stopped
		r.mu.Unlock()
		cancel()
		switch {
		case err != nil && stopped:
			// The next agent finds the launch as it was recorded: not done.
		case err != nil:
			r.opts.Logger.Info("launch failed", "container", l.ID, "err", err)
			var unknown user.UnknownUserError
			r.opts.Report(core.LaunchFailed{ID: l.ID, Message: err.Error(), NoUser: errors.As(err, &unknown)})
		default:
			r.opts.Report(core.Started{ID: l.ID, Pid: p.Pid(), StartTicks: p.StartTicks(), NetClass: r.opts.Kernel.NetClass(l.ID)})
			// A goroutine of its own: this one's stack has grown, and it holds l.
			go r.watch(l.ID, p)
		}
	}()
}

// start does everything up to a running process. What touches disk and kernel
// waits its turn; fetching, which waits for others, does not.
func (r *Runner) start(ctx context.Context, l core.Launch) (*isolation.Process, error) {
	r.mu.Lock()
	failed := r.failedPods[above(l)]
	r.mu.Unlock()
	if failed != nil {
		return nil, fmt.Errorf("container of the task group: %w", failed)
	}
	owner, err := sandbox.LookupOwner(l.User)
	if err != nil {
		return nil, err
	}
	box, err := r.makeBox(ctx, l, owner)
	if err != nil {
		return nil, err
	}
	defer box.Close()
	if err := r.opts.Fetcher.Fetch(ctx, box, l.URIs, owner); err != nil {
		note(box, owner, err)
		return nil, fmt.Errorf("fetch all URIs for container '%s': %w", l.ID, err)
	}
	done, err := r.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return r.startIn(box, l, owner)
}

// note leaves the reason for a failed fetch where people look for it first, as Mesos
// does. The status of the task tells it as well, so it may fail.
func note(box *os.Root, owner sandbox.Owner, reason error) {
	if stderr, err := output(box, "stderr", owner); err == nil {
		fmt.Fprintf(stderr, "%v\n", reason)
		stderr.Close()
	}
}

// turn waits until few enough launches are at work.
func (r *Runner) turn(ctx context.Context) (done func(), err error) {
	select {
	case r.starts <- struct{}{}:
	case <-ctx.Done():
		return nil, errCancelled
	}
	if ctx.Err() != nil {
		<-r.starts
		return nil, errCancelled
	}
	return func() { <-r.starts }, nil
}

var errCancelled = errors.New("cancelled")

func (r *Runner) makeBox(ctx context.Context, l core.Launch, owner sandbox.Owner) (*os.Root, error) {
	done, err := r.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	box, err := r.opts.Tree.Make(l.Directory, owner)
	if err != nil {
		return nil, err
	}
	if l.Latest != "" {
		err = r.opts.Tree.Link(l.Latest, l.Directory)
	}
	if err == nil {
		err = r.hold(l.Disk)
	}
	if err != nil {
		box.Close()
		return nil, err
	}
	return box, nil
}

// startIn starts the process in its sandbox.
func (r *Runner) startIn(box *os.Root, l core.Launch, owner sandbox.Owner) (*isolation.Process, error) {
	stdout, err := output(box, "stdout", owner)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	stderr, err := output(box, "stderr", owner)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	path, missing := lookPath(l.Path, l.Env)
	spec := isolation.Spec{
		Path: path, Args: l.Args, Env: l.Env, Dir: l.Directory,
		Stdout: stdout, Stderr: stderr, Setsid: true,
	}
	if owner.Other {
		spec.User = &isolation.User{UID: owner.UID, GID: owner.GID, Groups: owner.Groups}
	}
	if spec.Mounts, err = r.bind(l, box); err != nil {
		return nil, err
	}
	if err := r.showVolumes(box, l, owner, &spec); err != nil {
		return nil, err
	}
	connected, err := r.connect(&spec, l, owner, box)
	if err != nil {
		return nil, err
	}
	p, err := r.run(l, Program{Spec: spec, Container: l.Container, Above: above(l), Beside: l.IO != nil && l.IO.Session}, missing)
	connected(err)
	return p, err
}

// above is the container that l is nested in, as the kernel's side knows it.
func above(l core.Launch) string {
	i := strings.LastIndexAny(l.ID, "/.")
	if l.Pod == "" || i < 0 {
		return ""
	}
	return l.ID[:i]
}

// run starts p. If there is no such program, because of missing or as the kernel
// says, the task runs for a moment, says why in its stderr, and fails, as with Mesos.
func (r *Runner) run(l core.Launch, p Program, missing error) (*isolation.Process, error) {
	if missing == nil {
		started, err := r.begin(l, p)
		if missing = notExecuted(err); missing == nil {
			return started, err
		}
	}
	p.Spec.Path, p.Spec.Args = "/bin/sh", []string{"sh", "-c", `echo "$0" >&2; exit 1`, "Failed to execute command: " + missing.Error()}
	started, err := r.begin(l, p)
	if err != nil {
		return nil, missing
	}
	return started, nil
}

// notExecuted returns err if a program could not be executed for its own sake: there
// is none, or none that this machine can run.
func notExecuted(err error) error {
	var failed *launch.Error
	if errors.As(err, &failed) && strings.HasPrefix(failed.Step, "execute ") {
		return err
	}
	return nil
}

// output opens stdout or stderr of a task, for appending: the file of a launch that
// was interrupted is continued. The sandbox of a nested container may hold what its
// executor has put there before: a pipe must not keep the agent waiting for a reader.
func output(box *os.Root, name string, owner sandbox.Owner) (*os.File, error) {
	f, err := box.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND|sandbox.OpenFlags, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is of type %s, want a regular file", name, info.Mode().Type())
	}
	if err == nil {
		err = cmp.Or(owner.GiveFile(f), unix.SetNonblock(int(f.Fd()), false))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lookPath finds a program without a slash in the PATH of env.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			path = p
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("program %q is not in PATH %q", name, path)
}
