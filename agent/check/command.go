package check

import (
	"context"
	"errors"
	"syscall"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
)

// command returns the exit code of a command that runs with a task. Out of time, it
// is killed with what it has started.
func (c *Checker) command(ctx context.Context, id string, cmd *core.CheckCommand) (int, error) {
	p, err := c.opts.Join(ctx, id, cmd)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return 0, err
	}
	select {
	case st := <-p.Exited():
		return exitCode(st)
	case <-ctx.Done():
	}
	// It leads its session, so its group has its pid; until it was waited for, no
	// other process can have that.
	if _, over := p.Status(); !over {
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	}
	return 0, ctx.Err()
}

func exitCode(st isolation.ExitStatus) (int, error) {
	w := syscall.WaitStatus(st.WaitStatus)
	if !st.Known || !w.Exited() {
		return 0, errors.New(st.String())
	}
	return w.ExitStatus(), nil
}
