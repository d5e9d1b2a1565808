package httpd

import (
	"bytes"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"
)

const (
	textPlain      = "text/plain; charset=utf-8"
	textJavaScript = "text/javascript"
	jsonType       = "application/json"
)

// ReplyText answers with one line of plain text, as Mesos does for errors.
func (c *Ctx) ReplyText(status int, text string) {
	c.SetStatusCode(status)
	c.SetContentType(textPlain)
	c.compressString(text)
}

// ReplyEmpty answers without body or Content-Type: 202 for accepted calls.
func (c *Ctx) ReplyEmpty(status int) {
	c.SetStatusCode(status)
	c.Response.Header.SetNoDefaultContentType(true)
	c.Response.ResetBody()
	if c.IsHead() {
		c.Response.Header.SetContentLength(0) // fasthttp says it only of what it sends
	}
}

// Reply answers with a complete body, compressed if it is long and the client
// can read it. The body is copied.
func (c *Ctx) Reply(status int, contentType string, body []byte) {
	c.SetStatusCode(status)
	c.SetContentType(contentType)
	c.compress(body)
}

// ReplyJSON answers with a JSON document. If the query names a function
// (?jsonp=fn) the document comes wrapped in a call of it, for the unversioned
// endpoints that web pages read.
func (c *Ctx) ReplyJSON(status int, body []byte) {
	fn, ok := c.JSONP()
	if !ok {
		return
	}
	if fn == nil {
		c.Reply(status, jsonType, body)
		return
	}
	wrapped := make([]byte, 0, len(fn)+len(body)+2)
	wrapped = append(wrapped, fn...)
	wrapped = append(wrapped, '(')
	wrapped = append(wrapped, body...)
	wrapped = append(wrapped, ')')
	c.Reply(status, textJavaScript, wrapped)
}

// JSONP returns the name of the function that the query wants the document wrapped
// in, nil if none, or answers for one that is no name and returns false. An empty name
// wraps the document in parentheses, as in Mesos.
func (c *Ctx) JSONP() (fn []byte, ok bool) {
	fn = c.Query("jsonp")
	switch {
	case fn == nil:
		return nil, true
	case !isFunctionName(fn):
		c.ReplyError(Refusef(400, "got jsonp=%q, wanted the name of a function", clip(fn)))
		return nil, false
	}
	return fn, true
}

// isFunctionName keeps a reflected name from being a program of its own.
func isFunctionName(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c == '.') {
			return false
		}
	}
	return len(b) <= 256
}

// ReplyError answers with err's status and text if it is a Refusal, and with
// 500 otherwise.
func (c *Ctx) ReplyError(err error) {
	var r *Refusal
	if errors.As(err, &r) {
		c.ReplyText(r.Status, r.Text)
		return
	}
	c.ReplyText(500, err.Error())
}

// ReplyMethodNotAllowed answers 405 and says in Allow what would do.
func (c *Ctx) ReplyMethodNotAllowed(allowed ...string) {
	c.Response.Header.Set("Allow", strings.Join(allowed, ", "))
	c.ReplyText(405, "got method "+string(c.Method())+", wanted "+strings.Join(allowed, " or "))
}

// ReplyRedirect answers 307; location is usually scheme-relative, as clients of
// Mesos expect: "//host:port/path?query".
func (c *Ctx) ReplyRedirect(location string) {
	c.SetReplyHeader("Location", location)
	c.ReplyEmpty(fasthttp.StatusTemporaryRedirect)
}

// SetReplyHeader sets a header of the answer. Control characters, which could
// end the header and begin another, are dropped from value.
func (c *Ctx) SetReplyHeader(name, value string) {
	c.Response.Header.Set(name, headerSafe(value))
}

func headerSafe(v string) string {
	bad := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.IndexFunc(v, bad) < 0 {
		return v
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return -1
		}
		return r
	}, v)
}

// IsMethod reports whether the request's method is one of names.
func (c *Ctx) IsMethod(names ...string) bool {
	m := c.Method()
	for _, n := range names {
		if bytes.Equal(m, []byte(n)) {
			return true
		}
	}
	return false
}
