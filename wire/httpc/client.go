package httpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/caprock/caprock/wire/clock"
)

// Options configure a Client. The zero value of each field means its default.
type Options struct {
	// Clock measures idle time and computes socket deadlines. Default: clock.Real().
	Clock clock.Clock
	// Dial opens a connection for scheme "http" or "https" to host:port.
	// Default: TCP for http, and an error for https.
	Dial func(ctx context.Context, scheme, addr string) (net.Conn, error)
	// Headers go with every request: credentials, User-Agent. They follow
	// redirects to other hosts, which are other allocators of the cluster.
	Headers []Field
	// DialTimeout bounds the default Dial. Default 5 s.
	DialTimeout time.Duration
	// Timeout bounds one Do, redirects included, besides the context. Default 60 s.
	Timeout time.Duration
	// IdleTimeout is how long an unused connection is kept; it should be less
	// than the server's. Default 45 s.
	IdleTimeout time.Duration
	// MaxIdlePerHost bounds kept connections per host. Default 64.
	MaxIdlePerHost int
	// MaxResponseBytes bounds the body of an answer. Default 1 GiB: /state of a
	// large cluster.
	MaxResponseBytes int
	// MaxRecordBytes bounds one record of a stream. Default 64 MiB.
	MaxRecordBytes int
	// MaxRedirects bounds how often a request is sent on. Default 5.
	MaxRedirects int
}

// EnsureDefaults fills in what is zero.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	orInt := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	orDuration := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	orDuration(&o.DialTimeout, 5*time.Second)
	orDuration(&o.Timeout, 60*time.Second)
	orDuration(&o.IdleTimeout, 45*time.Second)
	orInt(&o.MaxIdlePerHost, 64)
	orInt(&o.MaxResponseBytes, 1<<30)
	orInt(&o.MaxRecordBytes, 64<<20)
	orInt(&o.MaxRedirects, 5)
	if o.Dial == nil {
		o.Dial = dialTCP(&net.Dialer{Timeout: o.DialTimeout})
	}
}

func dialTCP(d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, scheme, addr string) (net.Conn, error) {
		if scheme != "http" {
			return nil, fmt.Errorf("got scheme %q, wanted http (others need Options.Dial)", scheme)
		}
		return d.DialContext(ctx, "tcp", addr)
	}
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	opts Options
	pool pool
}

// New makes a client.
func New(opts Options) *Client {
	opts.EnsureDefaults()
	c := &Client{opts: opts}
	c.pool.init(&c.opts)
	return c
}

// Close closes kept connections. Requests in flight go on.
func (c *Client) Close() { c.pool.close() }

// Field is one header.
type Field struct{ Name, Value string }

// Header is the header of an answer, in the order it came.
type Header []Field

// Get returns the first value of a header, "" if there is none. Case does not
// matter.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Request is what Do and Subscribe send.
type Request struct {
	Method      string // default POST
	URL         string // http://host[:port]/path?query
	ContentType string // none if empty
	Headers     []Field
	Body        []byte
}

// Response is a whole answer.
type Response struct {
	Status int
	Header Header
	Body   []byte
	// URL that answered, after redirects.
	URL string
}

// Post sends body and returns the answer, whatever its status. err is for
// requests that got none.
func (c *Client) Post(ctx context.Context, url, contentType string, headers []Field, body []byte) (status int, header Header, answer []byte, err error) {
	r, err := c.Do(ctx, &Request{URL: url, ContentType: contentType, Headers: headers, Body: body})
	if err != nil {
		return 0, nil, nil, err
	}
	return r.Status, r.Header, r.Body, nil
}

// Get fetches url.
func (c *Client) Get(ctx context.Context, url string, headers ...Field) (status int, header Header, answer []byte, err error) {
	r, err := c.Do(ctx, &Request{Method: "GET", URL: url, Headers: headers})
	if err != nil {
		return 0, nil, nil, err
	}
	return r.Status, r.Header, r.Body, nil
}

// Do sends a request and returns the answer, whatever its status.
func (c *Client) Do(ctx context.Context, req *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	return redirected(c, req, func(t target) (*Response, string, error) {
		r, err := c.roundTrip(ctx, req, t)
		if err != nil {
			return nil, "", wrapContext(ctx, err)
		}
		return r, redirection(r.Status, r.Header), nil
	})
}

// redirected repeats send along redirects; send returns where to go next, "" to
// stay.
func redirected[T any](c *Client, req *Request, send func(target) (T, string, error)) (T, error) {
	var none T
	t, err := parseTarget(req.URL)
	if err != nil {
		return none, err
	}
	for range c.opts.MaxRedirects + 1 {
		r, next, err := send(t)
		if err != nil {
			return none, fmt.Errorf("%s %s: %w", req.method(), t.url(), err)
		}
		if next == "" {
			return r, nil
		}
		if t, err = t.follow(next); err != nil {
			return none, err
		}
	}
	return none, fmt.Errorf("%s %s: %w: more than %d", req.method(), req.URL, ErrRedirects, c.opts.MaxRedirects)
}

// ErrRedirects: the request was sent on too often; perhaps two servers each take
// the other for the leader.
var ErrRedirects = errors.New("too many redirects")

// redirection returns the Location of an answer that sends the client on.
func redirection(status int, h Header) string {
	if status == 307 || status == 308 {
		return h.Get("Location")
	}
	return ""
}

func (r *Request) method() string {
	if r.Method == "" {
		return "POST"
	}
	return r.Method
}

// wrapContext prefers the context's error to that of the connection it closed.
func wrapContext(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) {
		return fmt.Errorf("%w (%v)", ctxErr, err)
	}
	return err
}
