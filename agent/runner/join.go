package runner

import (
	"context"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// Join starts a command in container id, with the rights of the task there. What it
// prints is dropped.
func (r *Runner) Join(ctx context.Context, id string, cmd *core.CheckCommand) (*isolation.Process, error) {
	owner, err := sandbox.LookupOwner(cmd.User)
	if err != nil {
		return nil, err
	}
	path, err := lookPath(cmd.Path, cmd.Env)
	if err != nil {
		return nil, err
	}
	spec := isolation.Spec{Path: path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Directory, Setsid: true}
	if owner.Other {
		spec.User = &isolation.User{UID: owner.UID, GID: owner.GID, Groups: owner.Groups}
	}
	done, err := r.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return r.opts.Kernel.Join(id, spec)
}

func (k *cgroupKernel) Join(id string, spec isolation.Spec) (*isolation.Process, error) {
	g, err := k.group(id)
	if err != nil {
		return nil, err
	}
	return k.host.Start(g, spec)
}

// Join cannot tie the process to container id: whoever starts it has to end it.
func (k *posixKernel) Join(_ string, spec isolation.Spec) (*isolation.Process, error) {
	return launch.Start(&spec, launch.Groups{})
}
