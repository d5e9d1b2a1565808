package httpd

import (
	"bytes"
	"errors"
	"os"
	"sync"

	"github.com/valyala/fasthttp"
)

// Call is a POST request on the lane. What it holds is valid until its handler
// returns.
type Call struct {
	// ContentType and Body as sent; Field is the value of the lane's own header, nil
	// if there is none.
	ContentType, Field, Body []byte
}

// Pending is a call that was taken and will be answered.
type Pending interface {
	// Wait returns status and text of the answer when they are known; a text makes
	// it text/plain. If ok is false there is none, and the connection ends.
	Wait() (status int, text string, ok bool)
}

// CallHandler takes a call without waiting for its answer. It returns nil, without
// having done anything, for what Handle's handler of the path should serve.
type CallHandler func(*Call) Pending

// lane serves the calls of one path without the general parser: plain requests of
// which nothing but body, content type and one header matter. A client that sends
// several before it reads answers has them all decided together, instead of each
// waiting for the one before it; the answers share a write and keep their order.
// Whatever is not plain goes the general way.
type lane struct {
	lines   [][]byte // request lines, with their CR LF
	field   string   // lower case
	handler CallHandler
}

var errHungUp = errors.New("a call ended without an answer")

// HandleCalls gives path, which must have a Handler as well, a lane. field is the name
// of the one header beside Content-Type that h reads. With Options.Before there is
// none: what that decides is up to the general way.
func (s *Server) HandleCalls(path, field string, h CallHandler) {
	if s.lane != nil || s.routes.byPath[path] == nil {
		panic("BUG: httpd: lane of " + path + ": want one lane, on a path that is handled")
	}
	if s.opts.Before != nil {
		return
	}
	l := &lane{field: string(bytes.ToLower([]byte(field))), handler: h}
	l.lines = append(l.lines, []byte("POST "+path+" HTTP/1.1\r\n"))
	if s.routes.actor != "" {
		l.lines = append(l.lines, []byte("POST "+s.routes.actor+path+" HTTP/1.1\r\n"))
	}
	s.lane = l
}

// laneVerdict is what the lane makes of the bytes at hand.
type laneVerdict uint8

const (
	forLane laneVerdict = iota // a whole call
	unclear                    // the beginning of one, perhaps
	notOurs
)

// readCalls reads into p and serves calls until something else comes, the first
// bytes of which it returns. p is as large as a request header may be.
func (c *conn) readCalls(p []byte) (int, error) {
	have := 0
	for first := true; ; first = false {
		if !first {
			if err := c.awaitMore(have > 0); err != nil {
				return 0, err
			}
		}
		n, readErr := c.Conn.Read(p[have:])
		have += n
		if !first && have == 0 && errors.Is(readErr, os.ErrDeadlineExceeded) {
			_ = c.closeNow() // or fasthttp, which saw no request, would tell an idle client that it is late
			return 0, readErr
		}
		used, v, err := c.serveCalls(p[:have])
		if err != nil {
			_ = c.closeNow() // or fasthttp would answer
			return 0, err
		}
		have = copy(p, p[used:have])
		if used > 0 && c.readBy == 0 {
			c.readBy = 1 // what is left is of another request
		}
		if readErr != nil || v == notOurs || have == len(p) {
			return have, readErr
		}
	}
}

// awaitMore sets the deadline of the next read: that of a whole request, if part of
// one has arrived, or that of an idle connection, which is moved as rarely as possible.
func (c *conn) awaitMore(partial bool) error {
	o := &c.srv.opts
	now := o.Clock.Monotonic()
	switch {
	case partial && c.readBy == 0:
		return nil // the deadline of the request runs
	case partial:
		c.readBy = 0
		return c.SetReadDeadline(o.Clock.Now().Add(o.ReadTimeout))
	case c.readBy-now < o.IdleTimeout/2:
		c.readBy = now + o.IdleTimeout
		return c.SetReadDeadline(o.Clock.Now().Add(o.IdleTimeout))
	}
	return nil
}

// serveCalls hands every whole call in p to the handler, waits for the answers and
// sends them. It returns how many bytes of p were those calls', and what follows.
func (c *conn) serveCalls(p []byte) (used int, v laneVerdict, err error) {
	s, l := c.srv, c.srv.lane
	n, v := l.parse(p, &c.call, s.opts.MaxBodyBytes)
	if v != forLane {
		return 0, v, nil
	}
	c.idle.Store(false)
	defer c.idle.Store(true)
	defer func() {
		if r := recover(); r != nil {
			s.panicked("call", r)
			err = errHungUp
		}
	}()
	work := laneWorks.Get().(*laneWork)
	defer work.free()
	for v == forLane {
		w := l.handler(&c.call)
		if w == nil {
			v = notOurs
			break
		}
		work.pending = append(work.pending, w)
		used += n
		n, v = l.parse(p[used:], &c.call, s.opts.MaxBodyBytes)
	}
	s.metrics.requests.Add(uint64(len(work.pending)))
	for _, w := range work.pending {
		status, text, ok := w.Wait()
		if !ok {
			err = errHungUp
			break
		}
		work.out = appendAnswer(work.out, status, text, s.date())
	}
	if len(work.out) > 0 {
		if _, werr := c.Write(work.out); werr != nil {
			return used, v, werr
		}
	}
	if err == nil && s.stopping.Load() {
		err = errHungUp
	}
	return used, v, err
}

// laneWork is the memory of one turn.
type laneWork struct {
	pending []Pending
	out     []byte
}

var laneWorks = sync.Pool{New: func() any { return new(laneWork) }}

func (w *laneWork) free() {
	clear(w.pending)
	w.pending, w.out = w.pending[:0], w.out[:0]
	laneWorks.Put(w)
}

// parse looks at the beginning of p and returns the length of the call there.
func (l *lane) parse(p []byte, call *Call, maxBody int) (int, laneVerdict) {
	line, v := l.requestLine(p)
	if v != forLane {
		return 0, v
	}
	*call = Call{}
	h := laneHeader{length: -1}
	at := line
	for {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return 0, unclear
		}
		field := p[at : at+i]
		at += i + 1
		if i == 0 || field[i-1] != '\r' {
			return 0, notOurs
		}
		if i == 1 {
			break
		}
		if !l.header(field[:i-1], call, &h) {
			return 0, notOurs
		}
	}
	if !h.host || h.length < 0 || h.length > maxBody {
		return 0, notOurs
	}
	if len(p)-at < h.length {
		return 0, unclear
	}
	call.Body = p[at : at+h.length]
	return at + h.length, forLane
}

func (l *lane) requestLine(p []byte) (int, laneVerdict) {
	v := notOurs
	for _, line := range l.lines {
		if bytes.HasPrefix(p, line) {
			return len(line), forLane
		}
		if len(p) < len(line) && bytes.HasPrefix(line, p) {
			v = unclear
		}
	}
	return 0, v
}

// laneHeader is what has been seen of a header.
type laneHeader struct {
	host   bool
	length int // -1: not yet
}

// header takes one line and reports whether it is a plain one: a header that is
// known to matter here, or not to, with nothing unusual in its value.
func (l *lane) header(line []byte, call *Call, h *laneHeader) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	name, value := line[:colon], bytes.Trim(line[colon+1:], " \t")
	for _, b := range value {
		if b < ' ' || b >= 0x7f {
			return false
		}
	}
	switch {
	case equalFold(name, "content-length"):
		ok := h.length < 0 && len(value) > 0 && len(value) <= 9
		h.length = 0
		for _, b := range value {
			ok = ok && b >= '0' && b <= '9'
			h.length = h.length*10 + int(b-'0')
		}
		return ok
	case equalFold(name, "content-type"):
		ok := call.ContentType == nil
		call.ContentType = value
		return ok
	case equalFold(name, l.field):
		ok := call.Field == nil
		call.Field = value
		return ok
	case equalFold(name, "host"):
		ok := !h.host && !bytes.ContainsAny(value, " /@?#\\,")
		h.host = true
		return ok
	case equalFold(name, "accept"), equalFold(name, "accept-encoding"), equalFold(name, "user-agent"):
		return true
	case equalFold(name, "connection"):
		return equalFold(value, "keep-alive")
	}
	return false
}

func appendAnswer(b []byte, status int, text string, date []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = fasthttp.AppendUint(b, status)
	b = append(b, ' ')
	b = append(b, fasthttp.StatusMessage(status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, date...)
	if text != "" {
		b = append(b, "\r\nContent-Type: "+textPlain...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = fasthttp.AppendUint(b, len(text))
	b = append(b, "\r\n\r\n"...)
	return append(b, text...)
}

// dateText is the value of the Date header during one second.
type dateText struct {
	second int64
	text   []byte
}

// date is the value of the Date header now.
func (s *Server) date() []byte {
	now := s.opts.Clock.Now()
	d := s.dateNow.Load()
	if d == nil || d.second != now.Unix() {
		d = &dateText{now.Unix(), fasthttp.AppendHTTPDate(nil, now)}
		s.dateNow.Store(d)
	}
	return d.text
}
