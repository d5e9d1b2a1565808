package world

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// Pacer launches tasks at even intervals, one with each ACCEPT, over all frameworks
// that have an offer. Their latencies count from when a call was due.
type Pacer struct {
	// Desks acknowledge the updates; their Offers and Update are the frameworks' Events.
	*Desks
	// Latency of the calls.
	Latency Latencies
	// Launching, if set, is told before the nth task of a framework is sent, from 1.
	Launching func(f *Framework, n uint64)
	// Answered, if set, is told every latency too.
	Answered func(time.Duration)

	sent, starved atomic.Uint64

	mu    sync.Mutex
	ready []*pace              // free and with an offer, longest waiting first; guarded by mu
	paces map[*Framework]*pace // guarded by mu
}

// pace is what a framework holds.
type pace struct {
	framework *Framework
	offers    []*mesos.Offer // guarded by Pacer.mu
	busy      bool           // a call is in flight or the framework is in ready; guarded by Pacer.mu
	launched  uint64         // belongs to the call in flight
}

// NewPacer makes one that launches nothing before Run.
func NewPacer() *Pacer {
	p := &Pacer{paces: map[*Framework]*pace{}}
	p.Desks = NewDesks(p.put)
	return p
}

func (p *Pacer) put(f *Framework, o *mesos.Offer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.paces[f]
	if of == nil {
		of = &pace{framework: f}
		p.paces[f] = of
	}
	of.offers = append(of.offers, o)
	p.listLocked(of)
	return nil
}

func (p *Pacer) listLocked(of *pace) {
	if !of.busy && len(of.offers) > 0 {
		of.busy = true
		p.ready = append(p.ready, of)
	}
}

// next takes an offer of the framework that has waited longest; nil if there is none.
func (p *Pacer) next() (*pace, *mesos.Offer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) == 0 {
		return nil, nil
	}
	of := p.ready[0]
	p.ready = p.ready[1:]
	o := of.offers[0]
	of.offers = of.offers[1:]
	return of, o
}

func (p *Pacer) done(of *pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of.busy = false
	p.listLocked(of)
}

// Sent is how many tasks were accepted so far.
func (p *Pacer) Sent() uint64 { return p.sent.Load() }

// Starved is how many calls were due while no framework was free and had an offer.
func (p *Pacer) Starved() uint64 { return p.starved.Load() }

// pacedInFlight bounds the calls that wait for answers, and the goroutines that wait
// with them.
const pacedInFlight = 256

// Run launches perSecond tasks a second until ctx ends or a call fails, which Err tells.
func (p *Pacer) Run(ctx context.Context, perSecond int) {
	type due struct {
		of    *pace
		offer *mesos.Offer
		at    time.Time
	}
	queue := make(chan due, perSecond)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(queue)
	for range min(pacedInFlight, perSecond) {
		workers.Go(func() {
			for d := range queue {
				if err := p.launch(d.of, d.offer, d.at); err != nil {
					p.Fail(err)
				}
				p.done(d.of)
			}
		})
	}
	clock, err := NewMetronome(time.Second / time.Duration(perSecond))
	if err != nil {
		p.Fail(err)
		return
	}
	defer clock.Close()
	for ctx.Err() == nil && p.Err() == nil {
		at, err := clock.Wait()
		if err != nil {
			p.Fail(err)
			return
		}
		of, offer := p.next()
		if of == nil {
			p.starved.Add(1)
			continue
		}
		queue <- due{of, offer, at}
	}
}

func (p *Pacer) launch(of *pace, o *mesos.Offer, due time.Time) error {
	if TasksThatFit(o, 1) == 0 {
		_, err := of.framework.Decline(o)
		return err
	}
	of.launched++
	if p.Launching != nil {
		p.Launching(of.framework, of.launched)
	}
	_, err := of.framework.Accept(o, 1)
	if err == nil {
		took := time.Since(due)
		p.Latency.Record(took)
		if p.Answered != nil {
			p.Answered(took)
		}
		p.sent.Add(1)
	}
	return err
}
