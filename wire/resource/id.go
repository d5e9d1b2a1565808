package resource

import "fmt"

// maxIDBytes is the longest file name, since IDs become directory names on agents.
const maxIDBytes = 255

// ValidateID checks the rule common to task, executor, agent, framework, container and
// persistence IDs: 1 to 255 bytes, not "." or "..", no control characters, slashes or
// backslashes.
func ValidateID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("ID is empty")
	case len(id) > maxIDBytes:
		return fmt.Errorf("ID has %d characters, at most %d are allowed", len(id), maxIDBytes)
	case id == "." || id == "..":
		return fmt.Errorf("ID %q is not allowed", id)
	}
	for i := range len(id) {
		if c := id[i]; c < 0x20 || c == 0x7f || c == '/' || c == '\\' {
			return fmt.Errorf("ID %q holds the invalid character %q", id, c)
		}
	}
	return nil
}
