package core

import "github.com/caprock/caprock/alloc/cycle"

// Explain asks why a framework is not offered agents: every role with every agent.
// It changes nothing. Who asks bounds the work of a turn by asking for a few
// hundred pairs at a time. It is answered by an Answered of status 200 whose Value
// is a []cycle.Explanation, agents within roles.
type Explain struct {
	Framework     string
	Roles, Agents []string
	Reply         Token
}

func (*Explain) command() {}

func (c *Core) explain(cmd *Explain) {
	all := make([]cycle.Explanation, 0, len(cmd.Roles)*len(cmd.Agents))
	for _, role := range cmd.Roles {
		for _, agent := range cmd.Agents {
			all = append(all, c.Explain(cmd.Framework, role, agent))
		}
	}
	c.out.effect(&Answered{Token: cmd.Reply, Status: 200, Value: all})
}

// CountFilters asks how many refusal filters are in force. It changes nothing, and
// is answered by an Answered of status 200 whose Value is a map from role to number.
type CountFilters struct{ Reply Token }

func (*CountFilters) command() {}
