package httpd

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// Ctx is one request and its answer. It wraps fasthttp's, whose methods are
// there too; the ones defined here take precedence in style: they keep to
// Mesos' headers and to the limits.
type Ctx struct {
	*fasthttp.RequestCtx
	srv   *Server
	route *route
	// path is the decoded path without the actor.
	path        []byte
	pathScratch []byte
	// Value is for Options.Before to hand something to the handler, such as
	// the authenticated principal.
	Value any
}

func (c *Ctx) reset() {
	scratch := c.pathScratch
	if cap(scratch) > 4<<10 {
		scratch = nil
	}
	*c = Ctx{srv: c.srv, pathScratch: scratch[:0]}
}

// Route returns the registered path that matched, such as "/quota".
func (c *Ctx) Route() string { return c.route.path }

// RoutePath returns the decoded path of the request without the actor's name:
// "/quota/role" for "/master/quota/role". Valid until the handler returns.
func (c *Ctx) RoutePath() []byte { return c.path }

// Rest returns what follows the route in the path, without the slash between:
// "role" for "/quota/role" on route "/quota"; empty if nothing follows.
func (c *Ctx) Rest() []byte {
	if len(c.path) <= len(c.route.path) || c.route.path == "/" {
		return nil
	}
	return c.path[len(c.route.path)+1:]
}

// Query returns the value of a query parameter, decoded: nil if it is absent, not nil
// if it is empty. As in Mesos ';' separates parameters as '&' does, and of several with
// one name the last counts.
func (c *Ctx) Query(name string) []byte {
	var value []byte
	for rest := c.URI().QueryString(); len(rest) > 0; {
		token := rest
		if i := bytes.IndexAny(rest, "&;"); i >= 0 {
			token, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		key, v, _ := bytes.Cut(token, []byte("="))
		if len(token) > 0 && string(unescapeQuery(key)) == name {
			value = append([]byte{}, unescapeQuery(v)...)
		}
	}
	return value
}

// unescapeQuery decodes '+' and %xx; what is no escape stays as it is. Without any it
// returns text itself.
func unescapeQuery(text []byte) []byte {
	if !bytes.ContainsAny(text, "+%") {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(text):
			hi, ok1 := hexDigit(text[i+1])
			lo, ok2 := hexDigit(text[i+2])
			if ok1 && ok2 {
				c = hi<<4 | lo
				i += 2
			}
		}
		out = append(out, c)
	}
	return out
}

// RequestHeader returns the value of a request header and whether there is
// one; with several of the name, the first.
func (c *Ctx) RequestHeader(name string) ([]byte, bool) {
	v := c.Request.Header.Peek(name)
	return v, v != nil
}
