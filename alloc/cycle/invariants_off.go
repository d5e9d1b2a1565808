//go:build !invariants

package cycle

// checks does nothing without the build tag "invariants".
type checks struct{}

func (checks) before(*Allocator) {}

func (checks) after(*Allocator) {}
