package fanout

import (
	"testing"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/wire/codec"
)

// More streams than there are writers, each of which does not read, keep nobody else
// waiting.
func TestStreamsThatDoNotReadHoldNoWriter(t *testing.T) {
	r := newRig(t, Options{})
	var stuck []*pipe
	for i := range 20 * r.fan.writers.limit {
		p := newPipe()
		p.setStuck(true)
		stuck = append(stuck, p)
		r.fan.Register(core.StreamRef(i), codec.JSON, false).Attach(p)
		r.push(core.StreamRef(i), "unread")
	}
	reading := newPipe()
	const last = 1 << 20
	r.fan.Register(last, codec.JSON, false).Attach(reading)
	r.push(last, "read")
	r.fan.Flush()
	waitRecords(t, reading, 1)
	for i, p := range stuck {
		p.setStuck(false)
		waitRecords(t, p, 1)
		r.push(core.StreamRef(i), "later")
	}
	r.fan.Flush()
	for _, p := range stuck {
		waitRecords(t, p, 2)
	}
}
