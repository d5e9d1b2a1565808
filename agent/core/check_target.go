package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// aim says in e how k is run. Tasks share the network of the agent, so what they
// serve is reached over loopback.
func (c *Core) aim(e *Check, k *checker) (err error) {
	info := k.task.rec.Info
	if h := info.HealthCheck; k.health {
		switch h.GetType() {
		case mesos.HealthCheck_COMMAND:
			e.Command, err = c.checkCommand(k.task, h.GetCommand())
		case mesos.HealthCheck_HTTP:
			e.Unverified = true
			e.URL = fmt.Sprintf("%s://%s%s", scheme(h), loopback(h.GetHttp().GetProtocol(), h.GetHttp().GetPort()), h.GetHttp().GetPath())
		case mesos.HealthCheck_TCP:
			e.Address = loopback(h.GetTcp().GetProtocol(), h.GetTcp().GetPort())
		}
		return err
	}
	switch s := info.Check; s.GetType() {
	case mesos.CheckInfo_COMMAND:
		e.Command, err = c.checkCommand(k.task, s.GetCommand().GetCommand())
	case mesos.CheckInfo_HTTP:
		e.URL = fmt.Sprintf("http://%s%s", loopback(mesos.NetworkInfo_IPv4, s.GetHttp().GetPort()), s.GetHttp().GetPath())
	case mesos.CheckInfo_TCP:
		e.Address = loopback(mesos.NetworkInfo_IPv4, s.GetTcp().GetPort())
	}
	return err
}

func scheme(h *mesos.HealthCheck) string {
	if s := h.GetHttp().GetScheme(); s != "" {
		return s
	}
	return "http"
}

func loopback(protocol mesos.NetworkInfo_Protocol, port uint32) string {
	if protocol == mesos.NetworkInfo_IPv6 {
		return fmt.Sprintf("[::1]:%d", port)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// checkCommand runs cmd where and as the task runs, with the task's environment
// and its own on top.
func (c *Core) checkCommand(t *task, cmd *mesos.CommandInfo) (*CheckCommand, error) {
	l, err := c.launchOf(t.proc)
	if err != nil {
		return nil, err
	}
	env, err := c.taskEnvironment(t, l.Directory)
	if err != nil {
		return nil, err
	}
	if err := env.addCommand(cmd); err != nil {
		return nil, err
	}
	path, args, err := argv(cmd)
	if err != nil {
		return nil, err
	}
	return &CheckCommand{Directory: l.Directory, User: l.User, Path: path, Args: args, Env: env.list, Container: l.Container}, nil
}
