package resource

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
)

// NeedsCheckpoint reports whether an agent must remember the entry over restarts: dynamic reservations
// and persistent volumes of its own, not those of resource providers.
func (k *Kind) NeedsCheckpoint() bool {
	return !k.HasProvider() && (k.dynamic || k.IsPersistentVolume())
}

// ApplyCheckpointed returns what an agent has when its flags give rs and it remembers reservations and
// volumes from before. It fails if rs lacks what they were made of, or an entry is not of the
// kind that is remembered.
func (rs Resources) ApplyCheckpointed(remembered Resources) (Resources, error) {
	for _, r := range remembered {
		if !r.NeedsCheckpoint() {
			return nil, fmt.Errorf("%s is neither a dynamic reservation nor a volume of the agent", r)
		}
		plain, err := r.asFlag()
		if err != nil {
			return nil, err
		}
		if !rs.ContainsEntry(plain) {
			return nil, fmt.Errorf("agent resources %s do not contain %s, from which %s was made", rs, plain, r)
		}
		rs = rs.Minus(Resources{plain}).Plus(Resources{r})
	}
	return rs, nil
}

// asFlag returns the entry as it was before any operation: only a static reservation at the bottom
// of the stack is kept, and no volume.
func (r Resource) asFlag() (Resource, error) {
	stack := r.Reservations()
	if len(stack) > 0 && r.dynamic {
		keep := 0
		if stack[0].GetType() == mesos.Resource_ReservationInfo_STATIC {
			keep = 1
		}
		stack = stack[:keep]
	}
	kind, err := r.withoutVolume().withStack(stack)
	if err != nil {
		return Resource{}, err
	}
	return r.withKind(kind), nil
}
