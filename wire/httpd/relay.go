package httpd

import "net"

// Relay leaves the answer to fn, which is called on a goroutine of its own after the
// handler has returned, with the plain connection: it writes status line, header
// and body, as they come from another server. Requests that the client has sent
// behind this one are never answered. The connection is closed when fn returns, or
// by Shutdown. No deadline is set on it. The Ctx is not valid in fn.
func (c *Ctx) Relay(fn func(conn net.Conn)) {
	conn := connOf(c.RequestCtx)
	if conn == nil {
		panic("BUG: httpd: Relay on a request without a connection")
	}
	s := c.srv
	c.HijackSetNoResponse(true)
	c.Hijack(func(nc net.Conn) {
		leftover(conn, nc)
		s.metrics.relays.Add(1)
		s.upgrades.Add(1)
		go s.runDetached(conn, "relayed connection", fn)
	})
}
