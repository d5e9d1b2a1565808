package httpd

import (
	"bytes"
	"strings"
)

// routes finds handlers by path. It is read-only once the server serves.
type routes struct {
	actor  string // "/master", or ""
	byPath map[string]*route
}

type route struct {
	path    string
	handler Handler
}

func (r *routes) init(actor string) {
	if actor != "" {
		r.actor = "/" + actor
	}
	r.byPath = map[string]*route{}
}

func (r *routes) add(path string, h Handler) {
	if !strings.HasPrefix(path, "/") || path != "/" && strings.HasSuffix(path, "/") {
		panic("BUG: httpd: path " + path + " registered, want /name without a slash at the end")
	}
	if _, ok := r.byPath[path]; ok {
		panic("BUG: httpd: path " + path + " registered twice")
	}
	r.byPath[path] = &route{path: path, handler: h}
}

// find returns the route of the longest registered prefix of path, or nil. As
// in Mesos a prefix ends at a slash, and "/" is nobody's prefix.
func (r *routes) find(path []byte) *route {
	path = r.withoutActor(path)
	for len(path) > 1 {
		if rt, ok := r.byPath[string(path)]; ok {
			return rt
		}
		path = path[:max(0, bytes.LastIndexByte(path, '/'))]
		if len(path) <= 1 {
			return nil
		}
	}
	return r.byPath["/"]
}

// withoutActor strips "/master" from "/master/state", and slashes at the beginning
// and behind the actor that are there twice, as Mesos does.
func (r *routes) withoutActor(path []byte) []byte {
	path = oneSlash(path)
	n := len(r.actor)
	if n == 0 || len(path) < n || string(path[:n]) != r.actor {
		return path
	}
	if len(path) == n {
		return slash
	}
	if path[n] != '/' {
		return path
	}
	return oneSlash(path[n:])
}

func oneSlash(path []byte) []byte {
	for len(path) > 1 && path[0] == '/' && path[1] == '/' {
		path = path[1:]
	}
	return path
}

var slash = []byte("/")

// requestPath takes the path out of a request target and decodes it, once.
// What could mean two things is refused: "..", bad escapes, NUL.
func requestPath(target []byte, scratch *[]byte) ([]byte, *Refusal) {
	path := target
	if len(path) == 0 || path[0] != '/' {
		var ok bool
		if path, ok = absoluteFormPath(target); !ok {
			return nil, Refusef(400, "got target %q, wanted a path that starts with /", clip(target))
		}
	}
	if bytes.IndexByte(path, '#') >= 0 {
		return nil, Refusef(400, "got target %q with a fragment, wanted none", clip(target))
	}
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	if bytes.IndexByte(path, '%') >= 0 {
		var refusal *Refusal
		if path, refusal = unescape(path, scratch); refusal != nil {
			return nil, refusal
		}
	}
	if i := bytes.Index(path, []byte("/..")); i >= 0 {
		return nil, Refusef(404, "got path %q, wanted one without /..", clip(path))
	}
	return path, nil
}

// absoluteFormPath takes the path out of "http://host/path", which RFC 9112
// 3.2.2 wants servers to accept.
func absoluteFormPath(target []byte) ([]byte, bool) {
	i := bytes.Index(target, []byte("://"))
	if i <= 0 {
		return nil, false
	}
	if s := target[:i]; !equalFold(s, "http") && !equalFold(s, "https") {
		return nil, false
	}
	rest := target[i+3:]
	if j := bytes.IndexByte(rest, '/'); j > 0 {
		return rest[j:], true
	}
	return slash, len(rest) > 0
}

// unescape decodes %xx into scratch.
func unescape(path []byte, scratch *[]byte) ([]byte, *Refusal) {
	out := (*scratch)[:0]
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return nil, badEscape(path)
			}
			hi, ok1 := hexDigit(path[i+1])
			lo, ok2 := hexDigit(path[i+2])
			if !ok1 || !ok2 {
				return nil, badEscape(path)
			}
			c = hi<<4 | lo
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return nil, Refusef(400, "got control character %#02x in path %q, wanted none", c, clip(path))
		}
		out = append(out, c)
	}
	*scratch = out
	return out, nil
}

func badEscape(path []byte) *Refusal {
	return Refusef(400, "got a bad escape in path %q, wanted %%xx with two hexadecimal digits", clip(path))
}
