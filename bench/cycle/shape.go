package cycle

import (
	"fmt"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// Shape is a cluster to measure.
type Shape struct {
	Agents, Frameworks, Roles int
	// Partial gives each agent a running allocation of cpus, mem, disk and
	// sixteen port ranges.
	Partial bool
	// DeclineSeconds is the filter that offers are declined with; 0: none.
	DeclineSeconds float64
	// Quota is "none" or "large-and-small": five small roles for each large one,
	// with guarantees that are also limits, and agents of half a large one.
	Quota string
	// Rich gives agents attributes and frameworks offer constraints, filters on
	// a tenth of the agents and a guarantee for each tenth role.
	Rich bool
	// Refused lets every framework refuse every agent for good, and measures cycles then.
	Refused bool
	// Cycles measured, after one that is not.
	Cycles int
	// Batch is how many agents are added between two cycles.
	Batch int
}

const (
	fullAgent    = "cpus:24;mem:4096;disk:4096;ports:[31000-32000]"
	quotaAgent   = "cpus:2;mem:2048;disk:2048"
	smallQuota   = "cpus:1;mem:1024;disk:1024"
	largeQuota   = "cpus:4;mem:4096;disk:4096"
	smallPerFive = 6 // of six roles five are small
	racks        = 40
)

// partialAllocation is what runs on each agent of a partial shape.
func partialAllocation() string {
	var ports []string
	for i := range 16 {
		ports = append(ports, fmt.Sprintf("%d-%d", 31000+i*20, 31004+i*20))
	}
	return "cpus:16;mem:2014;disk:1024;ports:[" + strings.Join(ports, ", ") + "]"
}

func (s *Shape) role(i int) string {
	if s.Quota == "large-and-small" {
		if i < s.Roles*5/smallPerFive {
			return fmt.Sprintf("smallQuotaRole%d", i)
		}
		return fmt.Sprintf("largeQuotaRole%d", i-s.Roles*5/smallPerFive)
	}
	return fmt.Sprintf("role%d", i)
}

func (s *Shape) framework(i int) cycle.Framework {
	f := cycle.Framework{
		ID:           fmt.Sprintf("framework-%05d", i),
		Roles:        []string{s.role(i % s.Roles)},
		Capabilities: cycle.MultiRole | cycle.ReservationRefinement,
		Active:       true,
	}
	if s.Rich {
		f.Constraints = s.constraints(i)
	}
	return f
}

// constraints keep a framework off one rack in forty.
func (s *Shape) constraints(i int) *cycle.Constraints {
	name, value := "rack", fmt.Sprintf("r%d", i%racks)
	c, err := cycle.CompileConstraints(&scheduler.OfferConstraints{
		RoleConstraints: map[string]*scheduler.OfferConstraints_RoleConstraints{
			s.role(i % s.Roles): {Groups: []*scheduler.OfferConstraints_RoleConstraints_Group{{
				AttributeConstraints: []*scheduler.AttributeConstraint{{
					Selector: &scheduler.AttributeConstraint_Selector{
						Selector: &scheduler.AttributeConstraint_Selector_AttributeName{AttributeName: name}},
					Predicate: &scheduler.AttributeConstraint_Predicate{
						Predicate: &scheduler.AttributeConstraint_Predicate_TextNotEquals_{
							TextNotEquals: &scheduler.AttributeConstraint_Predicate_TextNotEquals{Value: &value}}},
				}}}}}}}, cycle.RegexpLimits{})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return c
}

func (s *Shape) agent(i int, total resource.Resources) cycle.Agent {
	g := cycle.Agent{
		ID:           fmt.Sprintf("6c1b6d0e-8f0c-4d57-9c1a-2f8a3f3d5e11-S%d", i),
		Hostname:     fmt.Sprintf("host-%d.example.org", i),
		Capabilities: cycle.AllAgentCaps,
		Total:        total,
	}
	if s.Rich {
		g.Attributes = []*mesos.Attribute{text("rack", fmt.Sprintf("r%d", i%racks)), text("kind", fmt.Sprintf("k%d", i%3))}
	}
	return g
}

func text(name, value string) *mesos.Attribute {
	return &mesos.Attribute{Name: &name, Type: mesos.Value_TEXT.Enum(), Text: &mesos.Value_Text{Value: &value}}
}

func (s *Shape) total() resource.Resources {
	if s.Quota == "large-and-small" {
		return parse(quotaAgent)
	}
	return parse(fullAgent)
}

func parse(text string) resource.Resources {
	rs, err := resource.Parse(text, "*")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return rs
}

func (s *Shape) setQuotas(a *cycle.Allocator) error {
	for i := range s.Roles {
		amount := smallQuota
		switch {
		case s.Quota == "large-and-small" && i >= s.Roles*5/smallPerFive:
			amount = largeQuota
		case s.Quota == "large-and-small":
		case s.Rich && i%10 == 0:
		default:
			continue
		}
		g, err := resource.ParseQuantities(amount)
		if err != nil {
			return err
		}
		q := cycle.Quota{Guarantee: g}
		if !s.Rich {
			if q.Limit, err = resource.ParseLimits(amount); err != nil {
				return err
			}
		}
		if err := a.UpdateQuota(s.role(i), q); err != nil {
			return err
		}
	}
	return nil
}
