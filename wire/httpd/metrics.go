package httpd

import (
	"fmt"
	"sync/atomic"
)

// Metrics are a server's counters since it was made.
type Metrics struct {
	OpenConns   int    // now, streams and upgraded connections included
	OpenStreams int64  // now
	Accepted    uint64 // connections
	OverBound   uint64 // connections turned away by a bound
	Requests    uint64 // that reached routing
	Refused     uint64 // connections ended by the framing checks
	Unreadable  uint64 // requests that could not be read, Refused included
	Panics      uint64 // handlers that panicked
	Streams     uint64 // opened
	StreamsCut  uint64 // ended because the peer did not read in time
	Upgrades    uint64
	Relays      uint64 // answers that came from another server
}

// String shows the counters on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("conns=%d streams=%d accepted=%d over-bound=%d requests=%d refused=%d unreadable=%d panics=%d streams-total=%d streams-cut=%d upgrades=%d relays=%d",
		m.OpenConns, m.OpenStreams, m.Accepted, m.OverBound, m.Requests, m.Refused, m.Unreadable, m.Panics, m.Streams, m.StreamsCut, m.Upgrades, m.Relays)
}

type counters struct {
	accepted, overBound, requests, refused, unreadable, panics atomic.Uint64
	streams, streamsCut, upgrades, relays                      atomic.Uint64
	openStreams                                                atomic.Int64
}

func (c *counters) snapshot(openConns int) Metrics {
	return Metrics{
		OpenConns:   openConns,
		OpenStreams: c.openStreams.Load(),
		Accepted:    c.accepted.Load(),
		OverBound:   c.overBound.Load(),
		Requests:    c.requests.Load(),
		Refused:     c.refused.Load(),
		Unreadable:  c.unreadable.Load(),
		Panics:      c.panics.Load(),
		Streams:     c.streams.Load(),
		StreamsCut:  c.streamsCut.Load(),
		Upgrades:    c.upgrades.Load(),
		Relays:      c.relays.Load(),
	}
}
