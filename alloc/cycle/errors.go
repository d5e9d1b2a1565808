package cycle

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

const scalarType = mesos.Value_SCALAR

// MisuseError says that the caller and the allocator disagree about the state
// of the cluster. Mesos aborts in these cases; here the call has no effect.
type MisuseError struct{ what string }

func (e *MisuseError) Error() string { return e.what }

func misuse(format string, args ...any) error {
	return &MisuseError{fmt.Sprintf(format, args...)}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
