package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/link"
)

// Dial opens a link to the allocator at baseURL ("http://host:port"), or to the
// one it redirects to. ctx bounds the handshake. headers carry credentials. A
// refusal is an *httpc.StatusError.
func Dial(ctx context.Context, client *httpc.Client, baseURL string, headers []httpc.Field, o Options) (*AgentConn, error) {
	url := strings.TrimSuffix(baseURL, "/") + Path
	nc, br, err := client.Upgrade(ctx, &httpc.Request{URL: url, Headers: headers}, Protocol)
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", baseURL, err)
	}
	return newConn[*link.Up, link.Down](nc, unbuffered(nc, br), o), nil
}

// Accept makes the allocator's end of a connection that httpd.Ctx.Upgrade hands
// out, or any other that speaks frames.
func Accept(nc net.Conn, br *bufio.Reader, o Options) *AllocatorConn {
	return newConn[*link.Down, link.Up](nc, unbuffered(nc, br), o)
}

// Agent makes the agent's end of a connection that speaks frames already, for
// tests and for harnesses that bring their own.
func Agent(nc net.Conn, o Options) *AgentConn {
	return newConn[*link.Up, link.Down](nc, nc, o)
}

// unbuffered reads what br holds and then nc itself, so that br is let go: the
// frame reader has a buffer of its own.
func unbuffered(nc net.Conn, br *bufio.Reader) io.Reader {
	if br == nil || br.Buffered() == 0 {
		return nc
	}
	held := make([]byte, br.Buffered())
	if _, err := io.ReadFull(br, held); err != nil {
		return br // cannot happen: the bytes are there
	}
	return io.MultiReader(strings.NewReader(string(held)), nc)
}
