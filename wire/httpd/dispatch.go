package httpd

import (
	"errors"
	"net"
	"runtime/debug"

	"github.com/valyala/fasthttp"
)

// dispatch is the way of every parsed request to its handler.
func (s *Server) dispatch(rc *fasthttp.RequestCtx) {
	s.metrics.requests.Add(1)
	c := s.ctxs.Get().(*Ctx)
	c.RequestCtx = rc
	if conn := connOf(rc); conn != nil {
		conn.idle.Store(false) // until the next read: the answer must get out
		if conn.incoming != nil {
			rc.SetConnectionClose()
		}
	}
	defer s.finish(c)
	if !knownMethod(rc.Method()) {
		rc.SetConnectionClose()
		c.ReplyError(Refusef(501, "got method %q, wanted GET, HEAD, POST, PUT, DELETE, PATCH or OPTIONS", clip(rc.Method())))
		return
	}
	path, refusal := requestPath(rc.Request.Header.RequestURI(), &c.pathScratch)
	if refusal != nil {
		c.ReplyError(refusal)
		return
	}
	c.route = s.routes.find(path)
	if c.route == nil {
		c.ReplyError(Refusef(404, "got path %q, which is not served here", clip(path)))
		return
	}
	c.path = s.routes.withoutActor(path)
	if s.opts.Before == nil || s.opts.Before(c) {
		c.route.handler(c)
	}
}

// finish recovers from a handler that panicked and gives the Ctx back.
func (s *Server) finish(c *Ctx) {
	if p := recover(); p != nil {
		s.panicked("handler", p)
		rc := c.RequestCtx
		rc.Response.Reset()
		rc.HijackSetNoResponse(false)
		rc.Hijack(nil)
		rc.SetConnectionClose()
		c.ReplyText(500, "the server failed while answering; its log says more")
	}
	c.reset()
	s.ctxs.Put(c)
}

// panicked counts and logs; the process goes on.
func (s *Server) panicked(where string, p any) {
	s.metrics.panics.Add(1)
	s.opts.Logger.Error("BUG: panic while serving HTTP", "where", where, "panic", p, "stack", string(debug.Stack()))
}

// knownMethod reports whether a handler gets to see the method. TRACE echoes
// headers and CONNECT is for proxies: both have no meaning here.
func knownMethod(m []byte) bool {
	switch string(m) {
	case "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS":
		return true
	}
	return false
}

// connOf returns the connection of a request, nil in tests without one.
func connOf(rc *fasthttp.RequestCtx) *conn {
	c, _ := rc.Conn().(*conn)
	return c
}

// parseFailed answers what could not be read; fasthttp closes the connection
// afterwards.
func (s *Server) parseFailed(rc *fasthttp.RequestCtx, err error) {
	r := refusalFor(connOf(rc), err, &s.opts)
	s.opts.Logger.Debug("refused request", "status", r.Status, "text", r.Text, "peer", rc.RemoteAddr())
	s.metrics.unreadable.Add(1)
	rc.Response.Reset()
	rc.SetStatusCode(r.Status)
	rc.SetContentType(textPlain)
	rc.SetBodyString(r.Text)
}

func refusalFor(c *conn, err error, o *Options) *Refusal {
	if c != nil && c.framer.refusal != nil {
		return c.framer.refusal
	}
	var small *fasthttp.ErrSmallBuffer
	var netErr net.Error
	switch {
	case errors.As(err, &small):
		return Refusef(431, "got a request header of more than %d bytes, wanted at most that", o.MaxHeaderBytes)
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return Refusef(413, "got a body of more than %d bytes, wanted at most that", o.MaxBodyBytes)
	case errors.As(err, &netErr) && netErr.Timeout():
		return Refusef(408, "got no complete request within %v", o.ReadTimeout)
	}
	return Refusef(400, "got a request that is not HTTP/1.1: %s", clip([]byte(err.Error())))
}
