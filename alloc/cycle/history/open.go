package history

import "github.com/caprock/caprock/wire/resource"

// Open is an offer, an inverse offer or a task that commands may speak of.
type Open struct {
	Name, Framework, Role, Agent string
	Resources                    resource.Resources // allocated to Role
}

// Offers returns the open offers, by role, agent and age.
func (p *Player) Offers() []Open {
	var out []Open
	for _, o := range p.sortedOffers(func(*offer) bool { return true }) {
		out = append(out, Open{o.name, o.framework, o.role, o.agent, o.res})
	}
	return out
}

// Tasks returns the running tasks, by role, agent and age.
func (p *Player) Tasks() []Open {
	var out []Open
	for _, t := range p.sortedTasks(func(*task) bool { return true }) {
		out = append(out, Open{t.name, t.framework, t.role, t.agent, t.res})
	}
	return out
}

// InverseOffers returns the open inverse offers, by age.
func (p *Player) InverseOffers() []Open {
	var out []Open
	for _, x := range p.sortedInverses(func(*inverse) bool { return true }) {
		out = append(out, Open{Name: x.name, Framework: x.framework, Agent: x.agent})
	}
	return out
}
