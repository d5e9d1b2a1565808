package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	dialTimeout  = 30 * time.Second
	maxRedirects = 10

	maxHeaderBytes = 256 << 10
)

// web fetches over HTTP. Its transport is made at the first use and keeps no idle
// connections: an idle agent should hold nothing for it.
type web struct {
	opts Options
	once sync.Once
	http *http.Client
}

func newWeb(opts Options) *web { return &web{opts: opts} }

func (w *web) client() *http.Client {
	w.once.Do(func() {
		dialer := &net.Dialer{Timeout: dialTimeout, Control: w.control}
		w.http = &http.Client{
			Transport: &http.Transport{
				// A proxy, where the agent's environment names one, makes the
				// connections; what it may reach is its own business.
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           dialer.DialContext,
				DisableKeepAlives:     true,
				DisableCompression:    true,
				TLSHandshakeTimeout:   dialTimeout,
				ResponseHeaderTimeout: w.opts.StallTimeout,
				// Servers of files say little of themselves.
				MaxResponseHeaderBytes: maxHeaderBytes,
			},
			CheckRedirect: checkRedirect,
		}
	})
	return w.http
}

// control sees the resolved address of every connection, right before it is made.
func (w *web) control(_, address string, _ syscall.RawConn) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	return w.opts.checkAddress(ip.Unmap().WithZone(""), n)
}

// metadata are addresses of cloud credential services beyond the link-local ones.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200")}

// embedded is the IPv4 address that an IPv6 address leads to through a translator
// (NAT64 and 6to4), if it is one of those.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case ip.Is4():
		return ip, false
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return ip, false
}

var nat64, sixToFour = netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16")

func (o *Options) checkAddress(ip netip.Addr, port int) error {
	if behind, ok := embedded(ip); ok {
		if err := o.checkAddress(behind, port); err != nil {
			return err
		}
	}
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), slices.Contains(metadata, ip):
		return fmt.Errorf("address %s is refused: link-local, multicast or metadata", ip)
	case slices.Contains(o.DenyPorts, port) && isOwn(ip):
		return fmt.Errorf("address %s port %d is refused: the agent itself", ip, port)
	case slices.ContainsFunc(o.Deny, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return fmt.Errorf("address %s is refused by --fetcher_deny", ip)
	}
	return nil
}

// isOwn reports whether ip is an address of this machine.
func isOwn(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(net.IP(ip.AsSlice()))
	})
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if s := req.URL.Scheme; s != "http" && s != "https" {
		return fmt.Errorf("redirected to scheme %q, want http or https", s)
	}
	return nil
}

func (w *web) get(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp, err := w.client().Do(req)
	if err != nil {
		cancel(nil)
		return nil, whereTo(err, u)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		resp.Body.Close()
		cancel(nil)
		return nil, fmt.Errorf("server answered %s, want 2xx", resp.Status)
	}
	return newStallReader(ctx, cancel, resp.Body, w.opts.StallTimeout), nil
}

// whereTo makes an error of the client short: it tells the URI only if a redirect led
// to it.
func whereTo(err error, asked *url.URL) error {
	e, ok := errors.AsType[*url.Error](err)
	switch {
	case !ok:
		return err
	case e.URL == asked.Redacted() || e.URL == asked.String():
		return e.Err
	}
	return fmt.Errorf("redirected to %s: %w", shown(e.URL), e.Err)
}

var errStalled = errors.New("transfer stalled")

// stallReader gives up on a body that brings less than a byte a second for a while: the
// rule of Mesos, without which a server holds a task for as long as it likes.
type stallReader struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	timeout time.Duration
	timer   *time.Timer
	since   int // bytes since the timer was set
}

func newStallReader(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser, timeout time.Duration) *stallReader {
	return &stallReader{
		ctx: ctx, cancel: cancel, body: body, timeout: timeout,
		timer: time.AfterFunc(timeout, func() { cancel(errStalled) }),
	}
}

func (r *stallReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if r.since += n; r.since >= max(1, int(r.timeout.Seconds())) {
		r.since = 0
		r.timer.Reset(r.timeout)
	}
	if err != nil && err != io.EOF && context.Cause(r.ctx) == errStalled {
		err = fmt.Errorf("%w: less than a byte a second for %s", errStalled, r.timeout)
	}
	return n, err
}

func (r *stallReader) Close() error {
	r.timer.Stop()
	err := r.body.Close()
	r.cancel(nil)
	return err
}
