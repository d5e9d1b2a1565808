package httpd

import (
	"bufio"
	"bytes"
	"net"

	"github.com/valyala/fasthttp"
)

// Upgrade answers "101 Switching Protocols" if the request asks for protocol,
// and 426 otherwise. After the handler has returned, fn is called on a
// goroutine of its own with the connection and a buffered reader of it. The
// client speaks the new protocol only after the 101, as RFC 9110 7.8 wants; one
// that is hastier is cut, as its bytes were read as HTTP. The connection is closed when fn returns, or by Shutdown. No
// deadline is set on it. The Ctx is not valid in fn.
func (c *Ctx) Upgrade(protocol string, fn func(conn net.Conn, r *bufio.Reader)) {
	if !c.asksFor(protocol) {
		c.SetReplyHeader("Upgrade", protocol)
		c.SetReplyHeader("Connection", "Upgrade")
		c.ReplyError(Refusef(fasthttp.StatusUpgradeRequired,
			"got Upgrade %q, wanted %q with Connection: Upgrade", clip(c.Request.Header.Peek("Upgrade")), protocol))
		return
	}
	conn := connOf(c.RequestCtx)
	if conn == nil {
		panic("BUG: httpd: Upgrade on a request without a connection")
	}
	s := c.srv
	head := append([]byte("HTTP/1.1 101 Switching Protocols\r\nDate: "), fasthttp.AppendHTTPDate(nil, s.opts.Clock.Now())...)
	head = append(head, "\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n"...)
	c.HijackSetNoResponse(true)
	c.Hijack(func(nc net.Conn) {
		hasty := len(leftover(conn, nc)) > 0 || conn.framer.refusal != nil
		if hasty {
			_ = conn.closeNow()
			return
		}
		s.metrics.upgrades.Add(1)
		s.upgrades.Add(1)
		// Its own goroutine, so that fasthttp gets its buffers back now.
		go s.runUpgraded(conn, head, fn)
	})
}

func (c *Ctx) asksFor(protocol string) bool {
	return c.Request.Header.IsHTTP11() && c.Request.Header.ConnectionUpgrade() &&
		bytes.EqualFold(c.Request.Header.Peek("Upgrade"), []byte(protocol))
}

func (s *Server) runUpgraded(conn *conn, head []byte, fn func(net.Conn, *bufio.Reader)) {
	s.runDetached(conn, "upgraded connection", func(nc net.Conn) {
		if _, err := conn.Conn.Write(head); err == nil {
			fn(nc, bufio.NewReader(conn.Conn))
		}
	})
}

// runDetached gives fn a connection that is HTTP no more, and closes it afterwards.
func (s *Server) runDetached(conn *conn, what string, fn func(net.Conn)) {
	defer s.upgrades.Done()
	defer func() { _ = conn.closeNow() }()
	defer func() {
		if p := recover(); p != nil {
			s.panicked(what, p)
		}
	}()
	tuneStream(conn.Conn, &s.opts)
	fn(upgradedConn{conn.Conn, conn})
}

// upgradedConn is the plain connection, but closing it keeps the books.
type upgradedConn struct {
	net.Conn
	c *conn
}

func (u upgradedConn) Close() error { return u.c.closeNow() }
