package history_test

import (
	"regexp"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// satisfied evaluates one constraint as it is written.
func satisfied(ac *scheduler.AttributeConstraint, g *cycle.Agent) bool {
	var text string
	var present, notText bool
	switch s := ac.GetSelector().GetSelector().(type) {
	case *scheduler.AttributeConstraint_Selector_AttributeName:
		for _, attr := range g.Attributes {
			if attr.GetName() == s.AttributeName {
				present, notText, text = true, attr.GetType() != mesos.Value_TEXT, attr.GetText().GetValue()
				break
			}
		}
	case *scheduler.AttributeConstraint_Selector_PseudoattributeType_:
		fd := g.Domain.GetFaultDomain()
		present = fd != nil
		switch s.PseudoattributeType {
		case scheduler.AttributeConstraint_Selector_HOSTNAME:
			present, text = true, g.Hostname
		case scheduler.AttributeConstraint_Selector_REGION:
			text = fd.GetRegion().GetName()
		default:
			text = fd.GetZone().GetName()
		}
	}
	full := func(pattern string) bool {
		re := regexp.MustCompile(pattern)
		re.Longest()
		at := re.FindStringIndex(text)
		return at != nil && at[0] == 0 && at[1] == len(text)
	}
	switch p := ac.GetPredicate().GetPredicate().(type) {
	case *scheduler.AttributeConstraint_Predicate_Exists_:
		return present
	case *scheduler.AttributeConstraint_Predicate_NotExists_:
		return !present
	case *scheduler.AttributeConstraint_Predicate_TextEquals_:
		return present && (notText || text == p.TextEquals.GetValue())
	case *scheduler.AttributeConstraint_Predicate_TextNotEquals_:
		return !present || notText || text != p.TextNotEquals.GetValue()
	case *scheduler.AttributeConstraint_Predicate_TextMatches_:
		return present && (notText || full(p.TextMatches.GetRegex()))
	case *scheduler.AttributeConstraint_Predicate_TextNotMatches_:
		return !present || notText || !full(p.TextNotMatches.GetRegex())
	}
	return false
}
