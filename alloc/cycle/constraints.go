package cycle

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Constraints are the compiled offer constraints of a framework: for some of
// its roles, groups of conditions of which one must hold entirely.
type Constraints struct {
	roles  map[string]*expression
	source *scheduler.OfferConstraints
	limits RegexpLimits
}

// Source returns what the constraints were compiled from. Read only.
func (c *Constraints) Source() (*scheduler.OfferConstraints, RegexpLimits) {
	if c == nil {
		return nil, RegexpLimits{}
	}
	return c.source, c.limits
}

// expression is the constraints of one role.
type expression struct {
	groups [][]condition
	hosts  bool // looks at host names, so agents of one class may differ
}

type subject uint8

const (
	namedAttribute subject = iota
	hostName
	regionName
	zoneName
)

type predicate uint8

const (
	exists predicate = iota
	notExists
	textEquals
	textNotEquals
	textMatches
	textNotMatches
)

type condition struct {
	subject   subject
	name      string // of the attribute
	predicate predicate
	text      string
	re        *regexp.Regexp
}

// RegexpLimits bound what a constraint's regular expression may cost. Zero
// fields mean the defaults of Mesos.
type RegexpLimits struct {
	// MaxMemBytes bounds the compiled program, at 16 bytes per instruction of
	// which two thirds of the memory are for. 0: DefaultMaxMemBytes.
	MaxMemBytes int
	// MaxProgramSize bounds the number of instructions. 0: DefaultMaxProgramSize.
	MaxProgramSize int
}

const instructionBytes = 16

// Defaults of RegexpLimits.
const (
	DefaultMaxMemBytes    = 4096
	DefaultMaxProgramSize = 100
)

// Unlimited is for constraints that were accepted before, perhaps under other limits.
var Unlimited = RegexpLimits{MaxMemBytes: math.MaxInt32, MaxProgramSize: math.MaxInt32}

// CompileConstraints checks and compiles the offer constraints of a framework.
// The error is for the framework to read.
func CompileConstraints(oc *scheduler.OfferConstraints, limits RegexpLimits) (*Constraints, error) {
	if len(oc.GetRoleConstraints()) == 0 {
		return nil, nil
	}
	if limits.MaxMemBytes == 0 {
		limits.MaxMemBytes = DefaultMaxMemBytes
	}
	if limits.MaxProgramSize == 0 {
		limits.MaxProgramSize = DefaultMaxProgramSize
	}
	c := &Constraints{roles: make(map[string]*expression), source: oc, limits: limits}
	for _, role := range sortedKeys(oc.GetRoleConstraints()) {
		e, err := compileRole(role, oc.GetRoleConstraints()[role], limits)
		if err != nil {
			return nil, err
		}
		c.roles[role] = e
	}
	return c, nil
}

func compileRole(role string, rc *scheduler.OfferConstraints_RoleConstraints, limits RegexpLimits) (*expression, error) {
	if len(rc.GetGroups()) == 0 {
		return nil, fmt.Errorf("offer constraints for role %q have no groups, want at least one", role)
	}
	e := &expression{}
	for _, g := range rc.GetGroups() {
		if len(g.GetAttributeConstraints()) == 0 {
			return nil, fmt.Errorf("offer constraints for role %q have a group without constraints", role)
		}
		var group []condition
		for _, ac := range g.GetAttributeConstraints() {
			x, err := compileCondition(ac, limits)
			if err != nil {
				return nil, fmt.Errorf("offer constraints for role %q: %w", role, err)
			}
			e.hosts = e.hosts || x.subject == hostName
			group = append(group, x)
		}
		e.groups = append(e.groups, group)
	}
	return e, nil
}

func compileCondition(ac *scheduler.AttributeConstraint, limits RegexpLimits) (condition, error) {
	var x condition
	switch s := ac.GetSelector().GetSelector().(type) {
	case *scheduler.AttributeConstraint_Selector_AttributeName:
		x.name = s.AttributeName
	case *scheduler.AttributeConstraint_Selector_PseudoattributeType_:
		switch s.PseudoattributeType {
		case scheduler.AttributeConstraint_Selector_HOSTNAME:
			x.subject = hostName
		case scheduler.AttributeConstraint_Selector_REGION:
			x.subject = regionName
		case scheduler.AttributeConstraint_Selector_ZONE:
			x.subject = zoneName
		default:
			return x, fmt.Errorf("pseudoattribute type %v is unknown", s.PseudoattributeType)
		}
	default:
		return x, fmt.Errorf("a selector names neither an attribute nor a pseudoattribute")
	}
	var err error
	switch p := ac.GetPredicate().GetPredicate().(type) {
	case *scheduler.AttributeConstraint_Predicate_Exists_:
		x.predicate = exists
	case *scheduler.AttributeConstraint_Predicate_NotExists_:
		x.predicate = notExists
	case *scheduler.AttributeConstraint_Predicate_TextEquals_:
		x.predicate, x.text = textEquals, p.TextEquals.GetValue()
	case *scheduler.AttributeConstraint_Predicate_TextNotEquals_:
		x.predicate, x.text = textNotEquals, p.TextNotEquals.GetValue()
	case *scheduler.AttributeConstraint_Predicate_TextMatches_:
		x.predicate = textMatches
		x.re, err = compilePattern(p.TextMatches.GetRegex(), limits)
	case *scheduler.AttributeConstraint_Predicate_TextNotMatches_:
		x.predicate = textNotMatches
		x.re, err = compilePattern(p.TextNotMatches.GetRegex(), limits)
	default:
		err = fmt.Errorf("a predicate is missing or unknown")
	}
	return x, err
}

// compilePattern compiles a regular expression that must match a whole text.
func compilePattern(pattern string, limits RegexpLimits) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	if n, most := len(prog.Inst), limits.MaxMemBytes*2/3/instructionBytes; n > most {
		return nil, fmt.Errorf("regular expression %q needs %d instructions, memory is for %d", pattern, n, most)
	}
	if n := len(prog.Inst); n > limits.MaxProgramSize {
		return nil, fmt.Errorf("regular expression %q has %d instructions, at most %d are allowed",
			pattern, n, limits.MaxProgramSize)
	}
	return regexp.Compile(`\A(?:` + parsed.String() + `)\z`) // not pattern: its end may be open, as in \Qa.b
}

func (c *Constraints) forRole(role string) *expression {
	if c == nil {
		return nil
	}
	return c.roles[role]
}

// absent says whether the predicate holds for an attribute that is not there.
func (x *condition) absent() bool {
	return x.predicate == notExists || x.predicate == textNotEquals || x.predicate == textNotMatches
}

// text says whether the predicate holds for a text.
func (x *condition) holds(text string) bool {
	switch x.predicate {
	case exists:
		return true
	case notExists:
		return false
	case textEquals:
		return text == x.text
	case textNotEquals:
		return text != x.text
	case textMatches:
		return x.re.MatchString(text)
	default:
		return !x.re.MatchString(text)
	}
}

// admits says whether an agent satisfies the expression.
func (e *expression) admits(g *Agent) bool {
	if e == nil {
		return true
	}
	return slices.ContainsFunc(e.groups, func(group []condition) bool {
		for i := range group {
			if !group[i].admits(g) {
				return false
			}
		}
		return true
	})
}

func (x *condition) admits(g *Agent) bool {
	switch x.subject {
	case hostName:
		return x.holds(g.Hostname)
	case regionName, zoneName:
		if g.Domain.GetFaultDomain() == nil {
			return x.absent()
		}
		if x.subject == regionName {
			return x.holds(g.Domain.GetFaultDomain().GetRegion().GetName())
		}
		return x.holds(g.Domain.GetFaultDomain().GetZone().GetName())
	}
	for _, attr := range g.Attributes {
		if attr.GetName() != x.name {
			continue
		}
		// Only the first attribute of the name counts; of one that is no text
		// every predicate but "not exists" holds.
		if attr.GetType() != mesos.Value_TEXT {
			return x.predicate != notExists
		}
		return x.holds(attr.GetText().GetValue())
	}
	return x.absent()
}

// Pseudo names under which host, region and zone are in the attribute index.
// No attribute can be called so: the byte is not allowed in them.
const (
	regionIndex = "\x00region"
	zoneIndex   = "\x00zone"
	notText     = "\x00" // value of attributes that are no text
)
