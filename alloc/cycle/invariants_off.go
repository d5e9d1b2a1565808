//go:build !invariants

package cycle

// checkInvariants does nothing without the build tag "invariants".
func (a *Allocator) checkInvariants() {}

func (a *Allocator) noteConsumed() {}

type checked struct{}
