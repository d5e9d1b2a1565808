package resource

import (
	"fmt"
	"strings"
)

// DefaultRole is the role of everything that is not reserved, and of frameworks that name none.
const DefaultRole = "*"

// invalidRoleBytes are the bytes that no role component may hold: white space and DEL.
const invalidRoleBytes = "\t\n\v\f\r \x7f"

// ValidateRole checks a role name: "*", or components joined by single slashes of which none
// is ".", "..", "*", begins with a dash or holds white space or DEL.
func ValidateRole(role string) error {
	if role == DefaultRole {
		return nil
	}
	if role == "" {
		return fmt.Errorf("role name is empty")
	}
	for rest, more := role, true; more; {
		var component string
		component, rest, more = strings.Cut(rest, "/")
		if err := validateRoleComponent(component); err != nil {
			return fmt.Errorf("role %q: %w", role, err)
		}
	}
	return nil
}

func validateRoleComponent(component string) error {
	switch {
	case component == "":
		return fmt.Errorf("slash at the start, at the end or twice in a row")
	case component == "." || component == ".." || component == DefaultRole:
		return fmt.Errorf("%q is not allowed as a component", component)
	case component[0] == '-':
		return fmt.Errorf("component %q starts with a dash", component)
	case strings.ContainsAny(component, invalidRoleBytes):
		return fmt.Errorf("component %q holds white space or DEL", component)
	}
	return nil
}

// IsStrictSubrole reports whether a is below b in the role tree: "eng/ml" is below "eng", and
// neither "eng" nor "engine" is.
func IsStrictSubrole(a, b string) bool {
	return len(a) > len(b) && a[len(b)] == '/' && a[:len(b)] == b
}

// IsInSubtree reports whether role is root or below it.
func IsInSubtree(role, root string) bool {
	return role == root || IsStrictSubrole(role, root)
}

// RoleAncestors returns the roles above role, the nearest first: "a/b/c" has "a/b" and "a".
func RoleAncestors(role string) []string {
	var ancestors []string
	for parent, ok := RoleParent(role); ok; parent, ok = RoleParent(parent) {
		ancestors = append(ancestors, parent)
	}
	return ancestors
}

// RoleParent returns the role just above role; ok is false for top-level roles.
func RoleParent(role string) (parent string, ok bool) {
	slash := strings.LastIndexByte(role, '/')
	if slash < 0 {
		return "", false
	}
	return role[:slash], true
}
