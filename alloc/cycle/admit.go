package cycle

// Admit says whether an agent, of which the host name, attributes and domain are
// looked at, satisfies the constraints of a role.
func (c *Constraints) Admit(role string, g *Agent) bool { return c.forRole(role).admits(g) }
