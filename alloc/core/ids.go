package core

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/caprock/caprock/store/record"
)

// Counters are written down in blocks: a record per block, not per id. A process
// that starts anew goes on where the block ends.
const (
	frameworkBlock = 1
	agentBlock     = 1
	offerBlock     = 1 << 16
	serialBlock    = 1 << 12
)

// counters are the next numbers to use; what the Meta record says is where the
// reserved blocks end.
type counters struct {
	framework, agent, offer, serial uint64
}

// next takes a number and reserves another block when the last one is used up.
func (c *Core) next(counter *uint64, reserved func(*record.Meta) **uint64, block uint64) uint64 {
	return c.nextOf(counter, 1, reserved, block)
}

// nextOf takes some numbers in a row, at most as many as there are in a block, and returns the
// first.
func (c *Core) nextOf(counter *uint64, count uint64, reserved func(*record.Meta) **uint64, block uint64) uint64 {
	n := *counter
	*counter += count
	end := *reserved(c.meta)
	if end == nil || *end < *counter {
		meta := &record.Meta{
			ClusterId: c.meta.ClusterId, NextFramework: c.meta.NextFramework, NextAgent: c.meta.NextAgent,
			NextOffer: c.meta.NextOffer, NextSerial: c.meta.NextSerial,
		}
		*reserved(meta) = ptr(n + block)
		c.putMeta(meta)
	}
	return n
}

// newFrameworkID gives ids in the form that tools parse: the master's id and a
// counter of at least four digits.
func (c *Core) newFrameworkID() string {
	n := c.next(&c.counters.framework, func(m *record.Meta) **uint64 { return &m.NextFramework }, frameworkBlock)
	return fmt.Sprintf("%s-%04d", c.opts.MasterInfo.GetId(), n)
}

func (c *Core) newAgentID() string {
	n := c.next(&c.counters.agent, func(m *record.Meta) **uint64 { return &m.NextAgent }, agentBlock)
	return fmt.Sprintf("%s-S%d", c.opts.MasterInfo.GetId(), n)
}

// newOffers takes numbers for offers; inverse offers are numbered with them.
func (c *Core) newOffers(count int) uint64 {
	return c.nextOf(&c.counters.offer, uint64(count), func(m *record.Meta) **uint64 { return &m.NextOffer }, offerBlock)
}

// appendOfferID appends the id of an offer, or of an inverse one.
func appendOfferID(b []byte, master string, number uint64) []byte {
	return strconv.AppendUint(append(append(b, master...), "-O"...), number, 10)
}

func (c *Core) nextSerial() uint64 {
	return c.next(&c.counters.serial, func(m *record.Meta) **uint64 { return &m.NextSerial }, serialBlock)
}

// newUUID is a version 4 uuid in form, drawn from a counter that never repeats
// and the ids of the cluster and the process.
func (c *Core) newUUID() []byte {
	h := sha256.New()
	h.Write([]byte(c.meta.GetClusterId()))
	h.Write([]byte(c.opts.MasterInfo.GetId()))
	h.Write(binary.BigEndian.AppendUint64(nil, c.nextSerial()))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}
