package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
)

const (
	maxRedirects = 50
	// maxBody is how much of a response is taken before the connection is closed.
	maxBody = 64 << 10
)

// newClient makes a client that keeps nothing between checks: each is to find out
// whether a new connection is served.
func newClient(unverified bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:  true,
			DisableCompression: true,
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: unverified},
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			return nil
		},
	}
}

// get returns the status of the last response.
func get(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// connect returns 0 if address accepts a connection and 1 if not. Running out of
// time is neither.
func connect(ctx context.Context, address string) (int, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	switch {
	case err == nil:
		return 0, conn.Close()
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	return 1, nil
}
