package fanout

import (
	"fmt"
	"sync/atomic"
)

// Metrics says what the fanout has done since it was made.
type Metrics struct {
	Streams    int    // registered now
	Operators  int    // of these, operators'
	Encoded    uint64 // events encoded, each once per codec
	Records    uint64 // events taken by subscribers
	Bytes      uint64 // sent
	Heartbeats uint64
	Cut        uint64 // subscribers that did not read
	Missed     uint64 // events for streams that were gone
}

// String prints the metrics on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("streams=%d operators=%d encoded=%d records=%d bytes=%d heartbeats=%d cut=%d missed=%d",
		m.Streams, m.Operators, m.Encoded, m.Records, m.Bytes, m.Heartbeats, m.Cut, m.Missed)
}

type metrics struct{ encoded, records, bytes, heartbeats, cut, missed atomic.Uint64 }

// Metrics returns a snapshot.
func (f *Fanout) Metrics() Metrics {
	m := Metrics{
		Encoded: f.metrics.encoded.Load(), Records: f.metrics.records.Load(), Bytes: f.metrics.bytes.Load(),
		Heartbeats: f.metrics.heartbeats.Load(), Cut: f.metrics.cut.Load(), Missed: f.metrics.missed.Load(),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Streams = len(f.mu.subs)
	for _, s := range f.mu.subs {
		if s.operator {
			m.Operators++
		}
	}
	return m
}
