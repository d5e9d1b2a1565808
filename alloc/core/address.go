package core

import "github.com/caprock/caprock/wire/mesos"

// address is where an agent listens, by the name that it gives itself and its IP.
type address struct {
	hostname, ip string
	port         int32
}

func (a *agentState) address() address {
	return addressOf(a.info().GetHostname(), a.cur.Rec.GetAddress())
}

func addressOf(hostname string, a *mesos.Address) address {
	return address{hostname: hostname, ip: a.GetIp(), port: a.GetPort()}
}

// replaceAgentAt removes the agent that was at the address of a fresh one: two
// cannot listen there, so its work directory is lost, and its tasks with it. One whose
// link seems whole is left to its pings.
func (c *Core) replaceAgentAt(at address) {
	old := c.agents[c.addresses[at]]
	if at.port == 0 || old == nil || !old.registered() || old.cur.Connected || old.address() != at {
		return
	}
	c.removeAgent(old, "Agent "+old.info().GetHostname()+" removed: a new agent registered at the same address")
	c.out.effect(&AgentReplaced{ID: old.id()})
}

// noteAddress remembers where an agent is. What no longer holds is dropped when old
// agents are forgotten.
func (c *Core) noteAddress(a *agentState) {
	c.addresses[a.address()] = a.id()
}
