package fanout

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
)

// audience is all subscribers.
type audience struct {
	codec     codec.Type
	client    *httpc.Client // of those who keep up
	slow      *httpc.Client // has small buffers
	cancel    context.CancelFunc
	all       []*subscriber
	readers   sync.WaitGroup
	latency   world.Latencies
	events    atomic.Int64
	bytes     atomic.Int64
	connected atomic.Int64
	hurried   chan struct{} // closed when the slow ones shall read as fast as they can
	sent      []sentTimes   // by framework
}

// sentTimes are when the last tasks of a framework were sent, in nanoseconds since
// start, by their number modulo its length.
type sentTimes [1 << 14]atomic.Int64

// start is what sentTimes count from.
var start = time.Now()

// subscriber is one stream.
type subscriber struct {
	slow   bool
	sub    *httpc.Subscription
	events atomic.Uint64
	bytes  atomic.Uint64
	ended  atomic.Bool
}

// slowBuffer is what the kernel keeps for a slow subscriber, in bytes; with more it would
// seem to keep up.
const slowBuffer = 4 << 10

func newAudience(t codec.Type, frameworks int) *audience {
	a := &audience{codec: t, client: httpc.New(httpc.Options{}), hurried: make(chan struct{}), sent: make([]sentTimes, frameworks)}
	a.slow = httpc.New(httpc.Options{Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		return c, c.(*net.TCPConn).SetReadBuffer(slowBuffer)
	}})
	return a
}

// atOnce is how many subscribe at a time.
const atOnce = 64

func (a *audience) subscribe(ctx context.Context, url string, o Options) error {
	ctx, a.cancel = context.WithCancel(ctx)
	a.all = make([]*subscriber, o.Subscribers+o.Slow)
	errs := make(chan error, len(a.all))
	slots := make(chan struct{}, atOnce)
	for i := range a.all {
		s := &subscriber{slow: i >= o.Subscribers}
		a.all[i] = s
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			client := a.client
			if s.slow {
				client = a.slow
			}
			var err error
			s.sub, err = client.Subscribe(ctx, &httpc.Request{
				URL: url + "/api/v1", ContentType: codec.JSON.ContentType(), Body: []byte(`{"type":"SUBSCRIBE"}`),
				Headers: []httpc.Field{{Name: "Accept", Value: a.codec.ContentType()}},
			})
			errs <- err
		}()
	}
	var err error
	for range a.all {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return err
	}
	for _, s := range a.all {
		a.connected.Add(1)
		pause := time.Duration(0)
		if s.slow {
			pause = time.Second / time.Duration(o.SlowRate)
		}
		a.readers.Go(func() { a.read(s, pause) })
	}
	return nil
}

// read counts events until the stream ends.
func (a *audience) read(s *subscriber, pause time.Duration) {
	defer a.connected.Add(-1)
	for {
		record, err := s.sub.Next()
		if err != nil { // whatever it is: it was cut
			s.ended.Store(true)
			return
		}
		s.events.Add(1)
		s.bytes.Add(uint64(len(record)))
		a.events.Add(1)
		a.bytes.Add(int64(len(record)))
		if !s.slow {
			a.see(record)
			continue
		}
		select {
		case <-time.After(pause):
		case <-a.hurried:
		}
	}
}

// marker begins the ids of tasks. It is found in events of either encoding.
const marker = "fanout:"

// added tells events TASK_ADDED from others: their type is the first field.
func added(t codec.Type, record []byte) bool {
	if t == codec.JSON {
		return bytes.Contains(record, []byte(`"TASK_ADDED"`))
	}
	return len(record) > 1 && record[0] == 1<<3 && record[1] == 2
}

// taskOf finds framework and number of the task that an event is about.
func taskOf(record []byte) (framework int, number uint64, ok bool) {
	_, rest, found := bytes.Cut(record, []byte(marker+"t"))
	if !found {
		return 0, 0, false
	}
	f, rest := digits(rest)
	if len(rest) == 0 || rest[0] != '-' {
		return 0, 0, false
	}
	number, _ = digits(rest[1:])
	return int(f), number, number > 0
}

// digits reads a number off the front.
func digits(b []byte) (n uint64, rest []byte) {
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
		n, b = n*10+uint64(b[0]-'0'), b[1:]
	}
	return n, b
}

// launching notes when a task is sent.
func (a *audience) launching(f *world.Framework, n uint64) {
	times := &a.sent[f.Number]
	times[n%uint64(len(times))].Store(int64(time.Since(start)))
}

// see records the latency of an event TASK_ADDED.
func (a *audience) see(record []byte) {
	if !added(a.codec, record) {
		return
	}
	f, n, ok := taskOf(record)
	if !ok || f >= len(a.sent) {
		return // somebody else's task
	}
	times := &a.sent[f]
	a.latency.Record(time.Since(start) - time.Duration(times[n%uint64(len(times))].Load()))
}

// counted is what one subscriber has had at a moment.
type counted struct{ events, bytes uint64 }

func (a *audience) mark() []counted {
	m := make([]counted, len(a.all))
	for i, s := range a.all {
		m[i] = counted{s.events.Load(), s.bytes.Load()}
	}
	return m
}

// hurry lets the slow ones read on without pauses, to see how their streams end.
func (a *audience) hurry() { close(a.hurried) }

// rows sums up both kinds.
func (a *audience) rows(seconds float64, from, to []counted) []Row {
	rows := []Row{{Kind: "keeps up"}, {Kind: "slow"}}
	for i, s := range a.all {
		r := &rows[0]
		if s.slow {
			r = &rows[1]
		}
		r.Subscribers++
		r.Events += to[i].events - from[i].events
		r.Bytes += to[i].bytes - from[i].bytes
		if s.ended.Load() {
			r.Cut++
			continue
		}
		n := s.events.Load()
		if r.Most == 0 || n < r.Least {
			r.Least = n
		}
		r.Most = max(r.Most, n)
	}
	for i := range rows {
		rows[i].EventsPerSecond, rows[i].BytesPerSecond = float64(rows[i].Events)/seconds, float64(rows[i].Bytes)/seconds
	}
	h := a.latency.Total()
	rows[0].P50, rows[0].P99, rows[0].Max = h.Quantile(.5), h.Quantile(.99), h.Max()
	if rows[1].Subscribers == 0 {
		rows = rows[:1]
	}
	return rows
}

func (a *audience) close() {
	if a.cancel != nil {
		a.cancel()
	}
	for _, s := range a.all {
		if s != nil && s.sub != nil {
			s.sub.Close()
		}
	}
	a.readers.Wait()
	a.client.Close()
	a.slow.Close()
}
