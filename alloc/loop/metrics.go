package loop

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Metrics says what the loop has done since it started.
type Metrics struct {
	Commands uint64 // stepped through
	Rounds   uint64 // drains of the inbox
	Records  uint64 // put out by the core
	Effects  uint64 // performed
	Refused  uint64 // calls refused because the inbox was full

	InboxCommands int // waiting now
	InboxBytes    int

	DecideTotal, DecideMax time.Duration // core time per round, without the cycle
	// The allocation cycle after it.
	CycleTotal, CycleMax time.Duration
	// Cycles are the cycle's durations, Waits from the drain of a round to its
	// cycle, Stores from a batch's Append to its durability.
	Cycles, Waits, Stores Summary
	// From the drain of a round to its last effect: deciding, writing,
	// syncing, releasing.
	ReleaseTotal, ReleaseMax time.Duration
	Released                 uint64 // rounds released
}

// String prints the metrics on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("commands=%d rounds=%d records=%d effects=%d refused=%d inbox=%d inbox_bytes=%d decide_mean=%s decide_max=%s cycle_mean=%s cycle_max=%s release_mean=%s release_max=%s",
		m.Commands, m.Rounds, m.Records, m.Effects, m.Refused, m.InboxCommands, m.InboxBytes,
		mean(m.DecideTotal, m.Rounds), m.DecideMax, mean(m.CycleTotal, m.Rounds), m.CycleMax, mean(m.ReleaseTotal, m.Released), m.ReleaseMax)
}

func mean(total time.Duration, n uint64) time.Duration {
	if n == 0 {
		return 0
	}
	return total / time.Duration(n)
}

type metrics struct {
	refused atomic.Uint64

	// Written by Run's goroutine only.
	commands, rounds, records, decideNanos, decideMax atomic.Uint64
	cycleNanos, cycleMax                              atomic.Uint64
	// Written by the releaser only.
	effects, releasedRounds, releaseNanos, releaseMax atomic.Uint64

	cycles, waits, stores window
}

func (m *metrics) decided(commands, records int, nanos int64) {
	m.rounds.Add(1)
	m.commands.Add(uint64(commands))
	m.records.Add(uint64(records))
	add(&m.decideNanos, &m.decideMax, nanos)
}

func (m *metrics) cycled(records int, waited, nanos int64) {
	m.records.Add(uint64(records))
	m.waits.add(time.Duration(waited))
	m.cycles.add(time.Duration(nanos))
	add(&m.cycleNanos, &m.cycleMax, nanos)
}

func (m *metrics) released(effects int, nanos int64) {
	m.releasedRounds.Add(1)
	m.effects.Add(uint64(effects))
	add(&m.releaseNanos, &m.releaseMax, nanos)
}

func add(total, highest *atomic.Uint64, nanos int64) {
	n := uint64(max(0, nanos))
	total.Add(n)
	if n > highest.Load() {
		highest.Store(n)
	}
}

// Metrics returns a snapshot.
func (l *Loop) Metrics() Metrics {
	m := &l.metrics
	s := Metrics{
		Commands: m.commands.Load(), Rounds: m.rounds.Load(), Records: m.records.Load(),
		Effects: m.effects.Load(), Refused: m.refused.Load(), Released: m.releasedRounds.Load(),
		DecideTotal: time.Duration(m.decideNanos.Load()), DecideMax: time.Duration(m.decideMax.Load()),
		Cycles: m.cycles.summary(), Waits: m.waits.summary(), Stores: m.stores.summary(),
		CycleTotal: time.Duration(m.cycleNanos.Load()), CycleMax: time.Duration(m.cycleMax.Load()),
		ReleaseTotal: time.Duration(m.releaseNanos.Load()), ReleaseMax: time.Duration(m.releaseMax.Load()),
	}
	s.InboxCommands, s.InboxBytes = l.inbox.depth()
	return s
}
