package journal

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"
)

// Metrics says what the journal has done since it was opened.
type Metrics struct {
	Batches uint64 // made durable
	Records uint64 // in those batches
	Bytes   uint64 // of those batches
	Pending int64  // batches appended and not yet durable
	Stalls  uint64 // appends that had to wait for a place in the queue

	// From append to durable. The quantiles are upper bounds, within a factor
	// of two.
	LatencyMax, LatencyP50, LatencyP99 time.Duration
}

// String prints the metrics on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("batches=%d records=%d bytes=%d pending=%d stalls=%d latency_p50=%s latency_p99=%s latency_max=%s",
		m.Batches, m.Records, m.Bytes, m.Pending, m.Stalls, m.LatencyP50, m.LatencyP99, m.LatencyMax)
}

type metrics struct {
	batches, records, bytes, stalls atomic.Uint64
	pending                         atomic.Int64
	maxNanos                        atomic.Int64
	buckets                         [64]atomic.Uint64 // by bit length of the nanoseconds
}

func (m *metrics) appended(*Batch) { m.pending.Add(1) }

// durable counts b. Only the completer calls it.
func (m *metrics) durable(b *Batch, now time.Duration) {
	m.pending.Add(-1)
	m.batches.Add(1)
	m.records.Add(uint64(b.records))
	m.bytes.Add(uint64(b.b.Bytes()))
	nanos := max(0, int64(now-b.at))
	m.buckets[bits.Len64(uint64(nanos))].Add(1)
	if nanos > m.maxNanos.Load() {
		m.maxNanos.Store(nanos)
	}
}

// Metrics returns a snapshot.
func (j *Journal) Metrics() Metrics {
	m := &j.metrics
	s := Metrics{
		Batches:    m.batches.Load(),
		Records:    m.records.Load(),
		Bytes:      m.bytes.Load(),
		Pending:    m.pending.Load(),
		Stalls:     m.stalls.Load(),
		LatencyMax: time.Duration(m.maxNanos.Load()),
	}
	s.LatencyP50, s.LatencyP99 = m.quantile(0.50), m.quantile(0.99)
	return s
}

func (m *metrics) quantile(q float64) time.Duration {
	var counts [len(m.buckets)]uint64
	var total uint64
	for i := range m.buckets {
		counts[i] = m.buckets[i].Load()
		total += counts[i]
	}
	if total == 0 {
		return 0
	}
	rank := uint64(q * float64(total-1))
	for i, n := range counts {
		if rank < n {
			return time.Duration(uint64(1)<<i - 1)
		}
		rank -= n
	}
	return 0
}
