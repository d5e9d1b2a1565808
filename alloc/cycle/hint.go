package cycle

import (
	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/resource"
)

// RequestResources records what a framework asked for with REQUEST: offers go to
// it first from agents that have that much available. As long as such agents are
// left in a cycle, others are not offered to it. Nil forgets the request. Mesos
// ignores these calls.
func (a *Allocator) RequestResources(fwID string, want resource.Quantities) error {
	fw, err := a.known(fwID)
	if err != nil {
		return err
	}
	for _, c := range a.sortedClaims(fw) {
		a.claims[c].hintNames = want
		a.claims[c].hint = nil
		if len(want) > 0 {
			a.claims[c].hint = a.minima([]resource.Quantities{want})
		}
	}
	a.hints = 0
	for c := range a.claims {
		if len(a.claims[c].hint) > 0 {
			a.hints++
		}
	}
	a.space.WakeAll()
	return nil
}

// hintedOrder counts, for each claim with a request, the candidates that fit it.
func (a *Allocator) hintedOrder() bool {
	a.run.secondTry = false
	if a.hints == 0 {
		return false
	}
	for c := range a.claims {
		cl := &a.claims[c]
		if cl.fitting = 0; len(cl.hint) == 0 || cl.framework < 0 {
			continue
		}
		for _, slot := range a.run.order {
			if a.fits(slot, int32(c)) {
				cl.fitting++
			}
		}
	}
	return true
}

func (a *Allocator) fits(slot shard.Slot, c int32) bool {
	sh, row := a.space.At(slot)
	return enough(a.claims[c].hint, sh.AvailRow(row, a.space.Stride()), sh.Rows[row].AvailRest)
}

// skipsForHint says whether an agent does not fit a claim's request while others
// may still come that do.
func (a *Allocator) skipsForHint(v *visit, c int32) bool {
	if a.hints == 0 {
		return false
	}
	waits := len(a.claims[c].hint) > 0 && !a.fits(v.slot, c)
	if a.run.secondTry {
		return !waits // the others had their turn
	}
	return waits && a.claims[c].fitting > 0
}

// secondPass offers what nobody took to the frameworks that were waiting for
// something better.
func (a *Allocator) secondPass() {
	a.run.secondTry = true
	for _, slot := range a.run.order {
		if sh, row := a.space.At(slot); sh.IsOfferable(row) {
			a.serve(slot)
		}
	}
}
