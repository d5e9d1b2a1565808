package world

import (
	"math"

	"github.com/caprock/caprock/wire/mesos"
)

// Amount is what tasks need and agents have of the resources that shares are counted in.
type Amount struct {
	CPUs, MemMiB, GPUs float64
}

// add counts a resource in.
func (a *Amount) add(r *mesos.Resource) {
	switch v := r.GetScalar().GetValue(); r.GetName() {
	case "cpus":
		a.CPUs += v
	case "mem":
		a.MemMiB += v
	case "gpus":
		a.GPUs += v
	}
}

// Plus is a and n times b.
func (a Amount) Plus(b Amount, n float64) Amount {
	return Amount{a.CPUs + n*b.CPUs, a.MemMiB + n*b.MemMiB, a.GPUs + n*b.GPUs}
}

// slack allows for sums of decimal fractions, which are not exact.
const slack = 1e-4

// Holds says whether b fits into a.
func (a Amount) Holds(b Amount) bool {
	return b.CPUs <= a.CPUs+slack && b.MemMiB <= a.MemMiB+slack && b.GPUs <= a.GPUs+slack
}

// Times is how often b fits into a; fractions count.
func (a Amount) Times(b Amount) float64 {
	times := math.Inf(1)
	for _, r := range [][2]float64{{a.CPUs, b.CPUs}, {a.MemMiB, b.MemMiB}, {a.GPUs, b.GPUs}} {
		if r[1] > 0 {
			times = min(times, r[0]/r[1])
		}
	}
	return times
}

// DominantShare is the largest part that a is of any resource of a total.
func (a Amount) DominantShare(total Amount) (share float64) {
	for _, r := range [][2]float64{{a.CPUs, total.CPUs}, {a.MemMiB, total.MemMiB}, {a.GPUs, total.GPUs}} {
		if r[1] > 0 {
			share = max(share, r[0]/r[1])
		}
	}
	return share
}

// Room is what an offer has left for tasks: what anybody may use, and what is reserved
// for the framework's role. A task here takes all it needs from one of them.
type Room struct {
	Free, Reserved Amount
}

// RoomOf an offer.
func RoomOf(o *mesos.Offer) (room Room) {
	for _, r := range o.GetResources() {
		if len(r.GetReservations()) > 0 {
			room.Reserved.add(r)
		} else {
			room.Free.add(r)
		}
	}
	return room
}

// Take takes the amount, of what is reserved if that has it, and says whether it could
// and from where.
func (r *Room) Take(a Amount) (taken, reserved bool) {
	switch {
	case r.Reserved.Holds(a):
		r.Reserved = r.Reserved.Plus(a, -1)
		return true, true
	case r.Free.Holds(a):
		r.Free = r.Free.Plus(a, -1)
		return true, false
	}
	return false, false
}
