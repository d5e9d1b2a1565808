//lint:file-ignore SA1019 The old single role is what frameworks without MULTI_ROLE have.

package core

import (
	"math"
	"slices"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/resource"
)

// validateFramework applies the rules for SUBSCRIBE and UPDATE_FRAMEWORK that look
// at the new description and at which frameworks exist.
func (c *Core) validateFramework(info *mesos.FrameworkInfo, suppressed []string, constraints *scheduler.OfferConstraints) error {
	if err := ValidateFrameworkInfo(info); err != nil {
		return err
	}
	for _, role := range frameworkRoles(info) {
		if !c.roleAllowed(role) {
			return faultf("role %q is not in the master's role whitelist", role)
		}
	}
	if c.opts.RefuseRoot && info.GetUser() == "root" {
		return faultf("user root may not submit frameworks: the allocator runs with --no-root_submissions")
	}
	if c.completed[info.GetId().GetValue()] != nil && info.GetId().GetValue() != "" {
		return faultf("Framework has been removed")
	}
	if err := validateSuppressed(info, suppressed); err != nil {
		return err
	}
	return validateConstraints(info, constraints, c.opts.ConstraintLimits)
}

// roleAllowed applies the whitelist of --roles, which "*" is always in.
func (c *Core) roleAllowed(role string) bool {
	return c.opts.RoleWhitelist == nil || role == resource.DefaultRole || slices.Contains(c.opts.RoleWhitelist, role)
}

// ValidateFrameworkInfo applies the rules that need the description alone.
func ValidateFrameworkInfo(info *mesos.FrameworkInfo) error {
	if err := validateFrameworkRoles(info); err != nil {
		return err
	}
	if id := info.GetId().GetValue(); id != "" {
		if err := validateIDLikeMesos(id); err != nil {
			return err
		}
	}
	if err := validateOfferFilters(info.GetOfferFilters()); err != nil {
		return err
	}
	if t := info.GetFailoverTimeout(); math.IsNaN(t) || math.Abs(t) > float64(math.MaxInt64)/1e9 {
		return faultf("The framework failover_timeout (%v) is invalid", t)
	}
	return nil
}

// validateIDLikeMesos words the one refusal of ids that clients are known to see.
func validateIDLikeMesos(id string) error {
	err := resource.ValidateID(id)
	if err != nil && strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' || r == '\\' }) {
		return faultf("'%s' contains invalid characters", id)
	}
	return err
}

func validateFrameworkRoles(info *mesos.FrameworkInfo) error {
	multi := frameworkCapsOf(info).multiRole
	switch {
	case multi && info.Role != nil:
		return faultf("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable")
	case !multi && len(info.Roles) > 0:
		return faultf("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable")
	case !multi:
		if err := resource.ValidateRole(info.GetRole()); err != nil {
			return faultf("'FrameworkInfo.role' is not a valid role: %w", err)
		}
		return nil
	}
	if repeated := repeatedStrings(info.Roles); len(repeated) > 0 {
		return faultf("'FrameworkInfo.roles' contains duplicate items: { %s }", strings.Join(repeated, ", "))
	}
	for _, role := range info.Roles {
		if err := resource.ValidateRole(role); err != nil {
			return faultf("'FrameworkInfo.roles' contains invalid role: %w", err)
		}
	}
	return nil
}

// repeatedStrings are those that occur more than once, sorted.
func repeatedStrings(all []string) []string {
	seen, repeated := map[string]int{}, []string{}
	for _, s := range all {
		if seen[s]++; seen[s] == 2 {
			repeated = append(repeated, s)
		}
	}
	slices.Sort(repeated)
	return repeated
}

func validateOfferFilters(filters map[string]*mesos.OfferFilters) error {
	for _, role := range sortedKeys(filters) {
		for _, set := range filters[role].GetMinAllocatableResources().GetQuantities() {
			if len(set.GetQuantities()) == 0 {
				return faultf("Invalid offer filters for role '%s': resource quantities must not be empty", role)
			}
			for _, name := range sortedKeys(set.GetQuantities()) {
				if err := validateScalar(set.GetQuantities()[name]); err != nil {
					return faultf("Invalid offer filters for role '%s': quantity of %q: %w", role, name, err)
				}
			}
		}
	}
	return nil
}

// validateScalar refuses amounts that are no plain number of at least zero. In maps
// the value may be missing although it is required: decoders of protobuf do not
// see that.
func validateScalar(s *mesos.Value_Scalar) error {
	if s == nil || s.Value == nil {
		return faultf("got none, want a number")
	}
	return validateAmount(s.GetValue())
}

// validateAmount refuses what is not a plain number of at least zero.
func validateAmount(v float64) error {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return faultf("got %v, want a finite number", v)
	case v < 0:
		return faultf("got %v, want at least 0", v)
	case v != 0 && math.Abs(v) < 0x1p-1022:
		return faultf("got the subnormal %v, want a normal number", v)
	}
	return nil
}

func validateSuppressed(info *mesos.FrameworkInfo, suppressed []string) error {
	roles := frameworkRoles(info)
	for _, role := range suppressed {
		if !slices.Contains(roles, role) {
			return faultf("Suppressed role '%s' is not among the framework's roles", role)
		}
	}
	return nil
}

// validateConstraints checks the names of roles here and has the rest checked by
// compiling the constraints as the allocation will.
func validateConstraints(info *mesos.FrameworkInfo, constraints *scheduler.OfferConstraints, limits cycle.RegexpLimits) error {
	if constraints == nil {
		return nil
	}
	roles := frameworkRoles(info)
	for _, role := range sortedKeys(constraints.GetRoleConstraints()) {
		if !slices.Contains(roles, role) {
			return faultf("Offer constraints name role '%s', to which the framework is not subscribed", role)
		}
	}
	if _, err := cycle.CompileConstraints(constraints, limits); err != nil {
		return faultf("Offer constraints are not valid: %w", err)
	}
	return nil
}

// validatePrincipalKept refuses a subscription that changes who owns the framework.
func validatePrincipalKept(old, next *mesos.FrameworkInfo) error {
	if (old.Principal == nil) != (next.Principal == nil) || old.GetPrincipal() != next.GetPrincipal() {
		return faultf("Changing framework's principal is not allowed: got %q, want %q", next.GetPrincipal(), old.GetPrincipal())
	}
	return nil
}

// validateFrameworkUpdate are the further rules of UPDATE_FRAMEWORK, where nothing
// is silently kept.
func validateFrameworkUpdate(old, next *mesos.FrameworkInfo) error {
	if err := validatePrincipalKept(old, next); err != nil {
		return err
	}
	if old.GetUser() != next.GetUser() {
		return faultf("Updating 'FrameworkInfo.user' is unsupported: got %q, want %q", next.GetUser(), old.GetUser())
	}
	if old.GetCheckpoint() != next.GetCheckpoint() {
		return faultf("Updating 'FrameworkInfo.checkpoint' is unsupported: got %v, want %v", next.GetCheckpoint(), old.GetCheckpoint())
	}
	return nil
}
