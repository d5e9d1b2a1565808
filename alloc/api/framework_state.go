package api

import (
	"strconv"
	"strings"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/json"
)

// What a framework keeps here (alloc/core/kept.go), under
// /api/v1/framework/state/<key>: values are bytes, versions are ETags. Reads come
// from the view and need the framework's id alone, so that a scheduler can find
// its state before it subscribes; writes go through the loop and need its stream.

const frameworkStatePath = "/api/v1/framework/state"

const frameworkIDHeader = "X-Framework-Id"

// frameworkState is GET, PUT and DELETE of one value, and GET of the list.
func (s *Server) frameworkState(c *httpd.Ctx) {
	id := string(c.Query("framework_id"))
	if header, ok := c.RequestHeader(frameworkIDHeader); ok {
		id = string(header)
	}
	if id == "" {
		c.ReplyText(400, "got no framework id, want one in the header "+frameworkIDHeader)
		return
	}
	key := string(c.Rest())
	read := c.IsMethod("GET", "HEAD")
	switch {
	case key == "" && !read:
		c.ReplyMethodNotAllowed("GET")
	case key == "":
		s.listState(c, id)
	case !read && !c.IsMethod("PUT", "DELETE"):
		c.ReplyMethodNotAllowed("GET", "PUT", "DELETE")
	default:
		if err := core.ValidateKeptKey(key); err != nil {
			c.ReplyText(err.Status, err.Text)
		} else if read {
			s.readState(c, id, key)
		} else {
			s.writeState(c, id, key)
		}
	}
}

// keptBy finds what a framework keeps, or answers for one that is not there or is
// not the caller's.
func (s *Server) keptBy(c *httpd.Ctx, id string) (*core.Kept, bool) {
	f := s.view.Framework(id)
	if f == nil || f.Completed() {
		c.ReplyText(404, "Framework cannot be found")
		return nil, false
	}
	if who := principal(c); who != "" && who != f.Info().GetPrincipal() {
		c.ReplyText(403, "the framework is another principal's")
		return nil, false
	}
	kept := s.view.Kept(id)
	if kept == nil {
		kept = &core.Kept{}
	}
	return kept, true
}

func (s *Server) listState(c *httpd.Ctx, id string) {
	kept, ok := s.keptBy(c, id)
	if !ok {
		return
	}
	b := json.String([]byte{'{'}, `"framework_id":`, id)
	b = json.Int(b, `"bytes":`, int64(kept.Bytes))
	b = list(b, `"values":`, func(b []byte) []byte {
		for _, v := range kept.Values {
			b = append(appendKept(b, v), ',')
		}
		return b
	})
	c.Reply(200, "application/json", json.End(b))
}

// appendKept appends a value without its bytes.
func appendKept(b []byte, v *record.KeptValue) []byte {
	b = json.String(append(b, '{'), `"key":`, v.GetKey())
	b = json.Int(b, `"version":`, int64(v.GetVersion()))
	b = json.Int(b, `"bytes":`, int64(len(v.GetValue())))
	b = json.Double(b, `"changed":`, secondsOf(v.GetChangedNanos()))
	return json.End(b)
}

func etag(v *record.KeptValue) string { return `"` + strconv.FormatUint(v.GetVersion(), 10) + `"` }

func (s *Server) readState(c *httpd.Ctx, id, key string) {
	kept, ok := s.keptBy(c, id)
	if !ok {
		return
	}
	v := kept.Value(key)
	if v == nil {
		c.ReplyText(404, "key \""+key+"\" has no value")
		return
	}
	c.SetReplyHeader("ETag", etag(v))
	if known, ok := c.RequestHeader("If-None-Match"); ok && (string(known) == etag(v) || string(known) == "*") {
		c.ReplyEmpty(304)
		return
	}
	c.Reply(200, "application/octet-stream", v.GetValue())
}

func (s *Server) writeState(c *httpd.Ctx, id, key string) {
	stream, _ := c.RequestHeader(streamIDHeader)
	cmd := &core.Keep{
		Principal: principal(c), StreamID: string(stream), Framework: id,
		Key: key, Delete: c.IsMethod("DELETE"), Reply: core.Token(s.nextRef()),
	}
	if !precondition(c, cmd) {
		return
	}
	if !cmd.Delete {
		body, err := c.ReadBody()
		if err != nil {
			c.ReplyError(err)
			return
		}
		cmd.Value = append([]byte{}, body...) // the request's memory is used again
	}
	a, ok := s.call(c, cmd.Reply, cmd, len(cmd.Value)+len(key))
	if !ok {
		return
	}
	v, ok := a.value.(*record.KeptValue)
	if !ok {
		reply(c, a)
		return
	}
	c.SetReplyHeader("ETag", etag(v))
	c.Reply(a.status, "application/json", appendKept(nil, v))
}

// precondition reads If-Match and If-None-Match, or answers 400.
func precondition(c *httpd.Ctx, cmd *core.Keep) bool {
	if want, ok := c.RequestHeader("If-Match"); ok {
		if string(want) == "*" {
			cmd.IfPresent = true
		} else {
			text := strings.TrimSuffix(strings.TrimPrefix(string(want), `"`), `"`)
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				c.ReplyText(400, "got If-Match: "+clip(want)+", want * or one version such as \"12\"")
				return false
			}
			cmd.IfVersion = &n
		}
	}
	if want, ok := c.RequestHeader("If-None-Match"); ok {
		if string(want) != "*" {
			c.ReplyText(400, "got If-None-Match: "+clip(want)+", want * for a write")
			return false
		}
		cmd.IfAbsent = true
	}
	return true
}
