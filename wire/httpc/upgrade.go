package httpc

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/valyala/fasthttp"
)

// Upgrade asks the server at req.URL (a GET unless req says otherwise) to
// switch to protocol and returns the connection and a reader of it that may
// hold bytes already. Any status but 101 is a *StatusError. ctx bounds the
// handshake only; afterwards the connection is the caller's.
func (c *Client) Upgrade(ctx context.Context, req *Request, protocol string) (net.Conn, *bufio.Reader, error) {
	type upgraded struct {
		conn net.Conn
		br   *bufio.Reader
	}
	asked := *req
	if asked.Method == "" {
		asked.Method = "GET"
	}
	u, err := redirected(c, &asked, func(t target) (upgraded, string, error) {
		cn, release, resp, err := c.open(ctx, &asked, t, protocol)
		if err != nil {
			return upgraded{}, "", err
		}
		defer fasthttp.ReleaseResponse(resp)
		h := copyHeader(&resp.Header)
		if resp.StatusCode() == 101 && strings.EqualFold(h.Get("Upgrade"), protocol) && release() {
			return upgraded{cn.Conn, cn.br}, "", nil
		}
		defer cn.Close()
		defer release()
		if next := redirection(resp.StatusCode(), h); next != "" {
			return upgraded{}, next, nil
		}
		if resp.StatusCode() == 101 {
			return upgraded{}, "", fmt.Errorf("got a switch to protocol %q, wanted %q", h.Get("Upgrade"), protocol)
		}
		return upgraded{}, "", c.statusError(cn, resp, h)
	})
	return u.conn, u.br, err
}
