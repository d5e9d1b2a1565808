package api

import (
	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/wire/mesos/agent"
)

// annexBoxes lists the containers that the operator API launched: those in others if
// nested ones are wanted, and those that stand alone if they are.
func annexBoxes(c *core.Core, call *agent.Call_GetContainers) []box {
	var out []box
	for _, a := range c.Annexes() {
		wanted := call.GetShowStandalone()
		if len(a.ID) > 1 {
			wanted = call.GetShowNested()
		}
		if wanted {
			out = append(out, box{
				id: a.ID[len(a.ID)-1], annex: a.ID, parts: []string{a.KernelID}, pid: a.Pid, limits: a.Limits,
			})
		}
	}
	return out
}
