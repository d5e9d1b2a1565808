package cycle

import (
	"slices"

	"github.com/caprock/caprock/alloc/shard"
	"github.com/caprock/caprock/wire/mesos"
)

// maintenance is the scheduled unavailability of an agent and who was asked to leave.
type maintenance struct {
	window      *mesos.Unavailability
	outstanding []string // frameworks with an inverse offer open, sorted
	statuses    map[string]InverseStatus
}

// InverseStatus is a framework's answer to an inverse offer.
type InverseStatus struct {
	Accepted bool
	Nanos    int64 // when, as the caller told
}

func (m *maintenance) isOutstanding(fw string) bool {
	_, found := slices.BinarySearch(m.outstanding, fw)
	return found
}

func (m *maintenance) setOutstanding(fw string, on bool) {
	at, found := slices.BinarySearch(m.outstanding, fw)
	switch {
	case on && !found:
		m.outstanding = slices.Insert(m.outstanding, at, fw)
	case !on && found:
		m.outstanding = slices.Delete(m.outstanding, at, at+1)
	}
}

// inverseOn makes the inverse offers for one agent.
func (a *Allocator) inverseOn(slot shard.Slot) {
	sh, row := a.space.At(slot)
	m := a.agentAt(slot).maintenance
	for i := sh.Rows[row].Holdings; i != noHolding; i = a.hold.entries[i].next {
		f := &a.fws[a.claims[a.hold.entries[i].claim].framework]
		if !f.known || !f.active || m.isOutstanding(f.info.ID) || a.inverseFiltered(f, slot) {
			continue
		}
		m.setOutstanding(f.info.ID, true)
		a.run.dst.Inverse = append(a.run.dst.Inverse, InverseOffer{f.info.ID, sh.Rows[row].ID, m.window})
	}
}

func (a *Allocator) inverseFiltered(f *framework, slot shard.Slot) bool {
	ends := f.inverse[slot]
	if len(ends) == 0 {
		return false
	}
	live := slices.DeleteFunc(ends, func(t int64) bool { return t <= a.now })
	if len(live) == 0 {
		delete(f.inverse, slot)
		return false
	}
	f.inverse[slot] = live
	return true
}

func (a *Allocator) clearInverseFilters(slot shard.Slot) {
	for i := range a.fws {
		delete(a.fws[i].inverse, slot)
	}
}

// UpdateUnavailability sets or (nil) removes the maintenance window of an agent.
// It ends the inverse-offer filters for it. The agent becomes a candidate.
func (a *Allocator) UpdateUnavailability(now int64, agentID string, u *mesos.Unavailability) error {
	a.at(now)
	slot, err := a.slot(agentID)
	if err != nil {
		return err
	}
	a.clearInverseFilters(slot)
	g := a.agentAt(slot)
	g.maintenance = nil
	if u != nil {
		g.maintenance = &maintenance{window: u}
	}
	a.space.Put(shard.Maintenance, slot, u != nil)
	a.candidate(slot)
	return nil
}

// UpdateInverseOffer records that an inverse offer is no longer open: answered
// (status) or taken back (nil). With a filter there is no new one for a while,
// 0 s is no filter.
func (a *Allocator) UpdateInverseOffer(now int64, agentID, fwID string, status *InverseStatus, filter *Filter) error {
	a.at(now)
	slot, err := a.slot(agentID)
	if err != nil {
		return err
	}
	fw, err := a.known(fwID)
	if err != nil {
		return err
	}
	m := a.agentAt(slot).maintenance
	if m == nil {
		return misuse("agent %s has no maintenance scheduled", agentID)
	}
	if m.isOutstanding(fwID) {
		m.setOutstanding(fwID, false)
		if status != nil {
			if m.statuses == nil {
				m.statuses = make(map[string]InverseStatus)
			}
			m.statuses[fwID] = *status
		}
	}
	if filter == nil {
		return nil
	}
	nanos := filter.nanos()
	if nanos == 0 {
		return nil
	}
	f := &a.fws[fw]
	if f.inverse == nil {
		f.inverse = make(map[shard.Slot][]int64)
	}
	f.inverse[slot] = append(f.inverse[slot], a.now+max(nanos, 0))
	return nil
}

// InverseOfferStatuses returns the answers to inverse offers, by agent and
// framework, of the agents with a maintenance window.
func (a *Allocator) InverseOfferStatuses() map[string]map[string]InverseStatus {
	out := make(map[string]map[string]InverseStatus)
	for _, slot := range a.space.Members(shard.Maintenance, nil) {
		sh, row := a.space.At(slot)
		statuses := make(map[string]InverseStatus)
		for fw, s := range a.agentAt(slot).maintenance.statuses {
			statuses[fw] = s
		}
		out[sh.Rows[row].ID] = statuses
	}
	return out
}
