package core

import (
	"fmt"

	"github.com/caprock/caprock/store/record"
)

// agentPID is the agent's actor address as Mesos shows it; tools find the
// agent's endpoints through it.
func agentPID(a *record.Agent) string {
	return fmt.Sprintf("slave(1)@%s:%d", a.GetAddress().GetIp(), agentPort(a))
}

func agentPort(a *record.Agent) int32 {
	if a.GetAddress().GetPort() != 0 {
		return a.GetAddress().GetPort()
	}
	return a.GetInfo().GetPort()
}
