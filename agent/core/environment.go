package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/units"
)

// defaultPath is the PATH of a task that sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment collects variables in order, each name once, the last value wins.
type environment struct {
	at   map[string]int
	list []string
}

func (e *environment) set(name, value string) {
	if e.at == nil {
		e.at = map[string]int{}
	}
	entry := name + "=" + value
	if i, ok := e.at[name]; ok {
		e.list[i] = entry
		return
	}
	e.at[name] = len(e.list)
	e.list = append(e.list, entry)
}

// addList adds variables given as name=value.
func (e *environment) addList(list []string) {
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		e.set(name, value)
	}
}

// addCommand adds the variables of a command. Secrets by value are data of the
// task; there is no store to resolve references in.
func (e *environment) addCommand(cmd *mesos.CommandInfo) error {
	for _, v := range cmd.GetEnvironment().GetVariables() {
		switch v.GetType() {
		case mesos.Environment_Variable_SECRET:
			if v.GetSecret().GetType() != mesos.Secret_VALUE {
				return fmt.Errorf("environment variable %s refers to a secret, and this agent has no secret store", v.GetName())
			}
			e.set(v.GetName(), string(v.GetSecret().GetValue().GetData()))
		default:
			e.set(v.GetName(), v.GetValue())
		}
	}
	return nil
}

// executorEnvironment is what every executor, and so every task, is told about
// itself and its agent.
func (c *Core) executorEnvironment(ct *container, directory string) *environment {
	e := &environment{}
	e.set("PATH", defaultPath)
	e.addList(c.opts.Environment)
	endpoint := c.opts.IP + ":" + strconv.Itoa(c.opts.Port)
	e.set("LIBPROCESS_PORT", "0")
	e.set("MESOS_FRAMEWORK_ID", ct.fw.id)
	e.set("MESOS_EXECUTOR_ID", ct.executorID())
	e.set("MESOS_DIRECTORY", directory)
	e.set("MESOS_SANDBOX", directory)
	e.set("MESOS_SLAVE_ID", c.AgentID())
	e.set("MESOS_SLAVE_PID", "slave(1)@"+endpoint)
	e.set("MESOS_AGENT_ENDPOINT", endpoint)
	e.set("MESOS_HTTP_COMMAND_EXECUTOR", "0")
	if c.opts.ExecutorSocket != "" {
		e.set("MESOS_DOMAIN_SOCKET", c.opts.ExecutorSocket)
	}
	e.set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", durationText(c.shutdownGrace(ct)))
	if ct.fw.rec.Info.GetCheckpoint() {
		e.set("MESOS_CHECKPOINT", "1")
		e.set("MESOS_RECOVERY_TIMEOUT", durationText(c.opts.RecoveryTimeout))
		e.set("MESOS_SUBSCRIPTION_BACKOFF_MAX", durationText(subscriptionBackoffMax))
	} else {
		e.set("MESOS_CHECKPOINT", "0")
	}
	return e
}

// taskEnvironment adds what a task that this agent runs itself is told.
func (c *Core) taskEnvironment(t *task, directory string) (*environment, error) {
	e := c.executorEnvironment(t.ct, directory)
	if role := allocationRole(t.rec.Info.Resources); role != "" {
		e.set("MESOS_ALLOCATION_ROLE", role)
	}
	if t.rec.GetNestedId() != "" {
		e.set("MESOS_CONTAINER_IP", c.opts.IP)
	}
	return e, e.addCommand(t.rec.Info.Command)
}

func allocationRole(resources []*mesos.Resource) string {
	for _, r := range resources {
		if role := r.GetAllocationInfo().GetRole(); role != "" {
			return role
		}
	}
	return ""
}

// durationText prints nanoseconds as Mesos does.
func durationText(ns int64) string { return units.FormatDuration(time.Duration(ns)) }
