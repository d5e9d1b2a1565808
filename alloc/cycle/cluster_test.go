package cycle

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/wire/resource"
	"github.com/caprock/caprock/wire/resource/notation"
)

// cluster is an allocator with a clock, for scenarios.
type cluster struct {
	t   testing.TB
	a   *Allocator
	now int64
	res Result
}

func newCluster(t testing.TB, o Options) *cluster { return &cluster{t: t, a: New(o)} }

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) framework(id string, roles ...string) {
	c.t.Helper()
	c.must(c.a.AddFramework(c.now, Framework{ID: id, Roles: roles, Capabilities: MultiRole | ReservationRefinement, Active: true}, nil))
}

const everyAgentCap = AllAgentCaps

func (c *cluster) agent(id, res string) {
	c.t.Helper()
	c.must(c.a.AddAgent(c.now, Agent{ID: id, Hostname: id, Capabilities: everyAgentCap, Total: notation.MustParse(res)}, nil))
}

func (c *cluster) agents(n int, res string) {
	c.t.Helper()
	for i := range n {
		c.agent(fmt.Sprintf("a%d", i), res)
	}
}

func (c *cluster) quota(role, guarantee, limit string) {
	c.t.Helper()
	g, err := resource.ParseQuantities(guarantee)
	c.must(err)
	l, err := resource.ParseLimits(limit)
	c.must(err)
	c.must(c.a.UpdateQuota(role, Quota{g, l}))
}

// run runs the cycle that is due by events and returns "framework role agent resources" lines.
func (c *cluster) run() []string {
	c.a.RunCycle(c.now, &c.res)
	var out []string
	for i := range c.res.Offers {
		o := &c.res.Offers[i]
		out = append(out, fmt.Sprintf("%s %s %s %s", o.Framework(), o.Role(), o.Agent(), notation.Format(o.Resources().Unallocate())))
	}
	return out
}

// tick lets the periodic cycle run.
func (c *cluster) tick() []string {
	c.now += 1e9
	return c.run()
}

// declineAll returns every offer of the last cycle.
func (c *cluster) declineAll(f *Filter) {
	c.t.Helper()
	for i := range c.res.Offers {
		c.must(c.a.DeclineOffer(c.now, &c.res.Offers[i], f))
	}
}
