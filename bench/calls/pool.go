package calls

import (
	"sync"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/mesos"
)

// item is what a turn of a framework is about: an offer, or updates.
type item struct {
	framework *world.Framework
	offer     *mesos.Offer
	statuses  []*mesos.TaskStatus
}

// pool holds what waits for a call. A framework has one connection, so it has at
// most one ACCEPT or DECLINE in flight, or a row of acknowledgements; among frameworks that are free the one that has
// waited longest is next. Updates of a framework go before its offers.
type pool struct {
	mu      sync.Mutex
	arrived *sync.Cond // something may be ready, or the pool is closed
	desks   map[*world.Framework]*desk
	ready   []*desk // free and with something to do, longest waiting first
	parked  []*desk // free and with nothing but offers, while offers are held; some have left since
	held    bool    // offers are not dealt
	busy    int     // desks with a call in flight
	closed  bool
	atOnce  int // the most acknowledgements of one turn
}

// desk is what waits for one framework.
type desk struct {
	framework *world.Framework
	offers    []*mesos.Offer
	statuses  []*mesos.TaskStatus
	listed    bool // in ready, or parked
	parked    bool // waits for offers to be dealt again
	inParked  bool // is in the list of those, perhaps no longer waiting
	busy      bool // a call is in flight
}

func newPool(atOnce int) *pool {
	p := &pool{desks: map[*world.Framework]*desk{}, atOnce: atOnce}
	p.arrived = sync.NewCond(&p.mu)
	return p
}

func (p *pool) deskLocked(f *world.Framework) *desk {
	d := p.desks[f]
	if d == nil {
		d = &desk{framework: f}
		p.desks[f] = d
	}
	return d
}

func (p *pool) putOffers(f *world.Framework, offers []*mesos.Offer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.deskLocked(f)
	d.offers = append(d.offers, offers...)
	p.listLocked(d)
}

func (p *pool) putStatus(f *world.Framework, s *mesos.TaskStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.deskLocked(f)
	d.statuses = append(d.statuses, s)
	if d.parked {
		d.parked, d.listed = false, false
	}
	p.listLocked(d)
}

// listLocked lets a free desk with work be found.
func (p *pool) listLocked(d *desk) {
	if d.busy || d.listed || len(d.offers)+len(d.statuses) == 0 {
		return
	}
	d.listed = true
	p.ready = append(p.ready, d)
	p.arrived.Signal()
}

func (p *pool) unparkLocked() {
	for _, d := range p.parked {
		d.inParked = false
		if d.parked {
			d.parked = false
			p.ready = append(p.ready, d)
		}
	}
	clear(p.parked)
	p.parked = p.parked[:0]
	p.arrived.Broadcast()
}

// hold stops or resumes the dealing of offers.
func (p *pool) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == held {
		return
	}
	p.held = held
	if !held {
		p.unparkLocked()
	}
}

// take waits for an item; false means that the pool is closed. done must be called
// for its framework afterwards.
func (p *pool) take() (item, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.closed {
			return item{}, false
		}
		if it, ok := p.nextLocked(); ok {
			return it, true
		}
		p.arrived.Wait()
	}
}

// tryTake is take without waiting.
func (p *pool) tryTake() (item, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nextLocked()
}

func (p *pool) nextLocked() (item, bool) {
	for len(p.ready) > 0 {
		d := p.ready[0]
		p.ready = p.ready[1:]
		if len(d.statuses) == 0 && p.held {
			d.parked = true
			if !d.inParked {
				d.inParked = true
				p.parked = append(p.parked, d)
			}
			continue
		}
		d.listed, d.busy = false, true
		p.busy++
		it := item{framework: d.framework}
		if n := min(len(d.statuses), p.atOnce); n > 0 {
			it.statuses, d.statuses = d.statuses[:n:n], d.statuses[n:]
		} else {
			it.offer, d.offers = d.offers[0], d.offers[1:]
		}
		return it, true
	}
	return item{}, false
}

// done frees a framework after its call.
func (p *pool) done(f *world.Framework) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.deskLocked(f)
	d.busy = false
	p.busy--
	p.listLocked(d)
}

// idle says that no call is in flight.
func (p *pool) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy == 0
}

// close wakes all who wait.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.arrived.Broadcast()
}
