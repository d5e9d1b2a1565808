package api

import (
	"errors"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/agent"
)

const recordIO = "application/recordio"

// media are the encodings of a call and of its answer.
type media struct {
	in, out codec.Type
	// streamed: the body is a stream of records, each in that encoding. records: so
	// may the answer be.
	streamed, records bool
}

// negotiate reads them from the headers of a request, in Mesos' order.
func negotiate(c *httpd.Ctx) (m media, err error) {
	header := func(name string) string { v, _ := lastHeader(c, name); return v }
	content := header("Content-Type")
	inner, hasInner := lastHeader(c, "Message-Content-Type")
	switch m.in, err = codec.FromContentType(content); {
	case content == recordIO && !hasInner:
		return m, httpd.Refusef(400, "Expecting 'Message-Content-Type' to be set for streaming requests")
	case content == recordIO:
		m.streamed = true
		if m.in, err = codec.FromContentType(inner); err != nil {
			return m, httpd.Refusef(415, "Expecting 'Message-Content-Type' of application/json or application/x-protobuf")
		}
	case errors.Is(err, codec.ErrMissing):
		return m, httpd.Refusef(400, "Expecting 'Content-Type' to be present")
	case err != nil:
		return m, httpd.Refusef(415, "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio")
	case hasInner:
		return m, httpd.Refusef(415, "Expecting 'Message-Content-Type' to be not set for non-streaming requests")
	}
	_, hasMessageAccept := lastHeader(c, "Message-Accept")
	var ok bool
	switch m.out, ok = codec.Negotiate(header("Accept")); {
	case ok && hasMessageAccept:
		return m, httpd.Refusef(406, "Expecting 'Message-Accept' to be not set for non-streaming responses")
	case ok:
	case !codec.Accepts(header("Accept"), recordIO):
		return m, httpd.Refusef(406, "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio")
	default:
		m.records = true
		if m.out, ok = codec.Negotiate(header("Message-Accept")); !ok {
			return m, httpd.Refusef(406, "Expecting 'Message-Accept' to allow application/json or application/x-protobuf")
		}
	}
	return m, nil
}

// lastHeader is the value of a header, the last if it comes several times: so Mesos
// reads them, and mesos-go says by a second Accept what it wants.
func lastHeader(c *httpd.Ctx, name string) (value string, ok bool) {
	all := c.Request.Header.PeekAll(name)
	if len(all) == 0 {
		return "", false
	}
	return string(all[len(all)-1]), true
}

// allows reports whether a call of that type may come and be answered like that.
func (m *media) allows(t agent.Call_Type) error {
	input := t == agent.Call_ATTACH_CONTAINER_INPUT
	output := t == agent.Call_ATTACH_CONTAINER_OUTPUT || t == agent.Call_LAUNCH_NESTED_CONTAINER_SESSION
	switch {
	case m.streamed && !input:
		return httpd.Refusef(415, "Streaming 'Content-Type' %s is not supported for %s call", recordIO, t)
	case !m.streamed && input:
		return httpd.Refusef(415, "Expecting 'Content-Type' to be %s for %s call", recordIO, t)
	case m.records && !output:
		return httpd.Refusef(406, "Streaming response is not supported for %s call", t)
	}
	return nil
}

// decode reads one call and checks it.
func (m *media) decode(body []byte) (*agent.Call, error) {
	call := &agent.Call{}
	if err := m.in.Unmarshal(body, call); err != nil {
		return nil, httpd.Refusef(400, "Failed to parse body into Call: %v", err)
	}
	return call, validate(call)
}
