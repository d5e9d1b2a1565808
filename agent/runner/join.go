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
	return r.opts.Kernel.Join(id, Program{Spec: spec, Container: cmd.Container})
}

func (k *cgroupKernel) Join(id string, prog Program) (*isolation.Process, error) {
	g, err := k.group(id)
	if err != nil {
		return nil, err
	}
	done, err := inSpaceOf(g, &prog.Spec)
	if err != nil {
		return nil, err
	}
	defer done()
	return k.host.Start(g, prog.Spec)
}

// Join cannot tie the process to container id: whoever starts it has to end it.
func (k *posixKernel) Join(id string, prog Program) (*isolation.Process, error) {
	if p := k.get(id); p != nil {
		if _, over := p.Status(); !over {
			done, err := isolation.InSpace(p.Pid(), &prog.Spec)
			if err != nil {
				return nil, err
			}
			defer done()
		}
	}
	return launch.Start(&prog.Spec, launch.Groups{})
}
