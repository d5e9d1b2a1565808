package world

import (
	"errors"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/mesos"
)

// Desks answers the offers and acknowledges the updates of many frameworks, each
// framework's in their order and all frameworks side by side.
type Desks struct {
	// Delay is how long offers lie before they are answered.
	Delay time.Duration

	take  func(*Framework, *mesos.Offer) error
	desks sync.Map // *Framework to *desk

	mu     sync.Mutex
	err    error // guarded by mu
	closed bool  // failures are those of an end; guarded by mu
}

type desk struct {
	offers *Turns[*mesos.Offer]
	acks   *Acknowledger
}

// NewDesks makes them; take answers one offer.
func NewDesks(take func(*Framework, *mesos.Offer) error) *Desks { return &Desks{take: take} }

func (d *Desks) of(f *Framework) *desk {
	if got, ok := d.desks.Load(f); ok {
		return got.(*desk)
	}
	got, _ := d.desks.LoadOrStore(f, &desk{
		offers: NewTurns(func(offers []*mesos.Offer) error {
			time.Sleep(d.Delay)
			for _, o := range offers {
				if err := d.take(f, o); err != nil {
					return err
				}
			}
			return nil
		}, d.Fail),
		acks: NewAcknowledger(f, d.Fail),
	})
	return got.(*desk)
}

// Offers takes offers, as Events.Offers.
func (d *Desks) Offers(f *Framework, offers []*mesos.Offer) { d.of(f).offers.Put(offers...) }

// Update acknowledges an update, as Events.Update.
func (d *Desks) Update(f *Framework, s *mesos.TaskStatus) { d.of(f).acks.Put(s) }

// Fail notes a failure of a framework.
func (d *Desks) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.err = errors.Join(d.err, err)
	}
}

// Err is what failed so far.
func (d *Desks) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Close says that the frameworks will be closed: calls that fail from now on do so
// for that.
func (d *Desks) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}
