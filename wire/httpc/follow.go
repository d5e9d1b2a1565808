package httpc

import (
	"context"
	"time"
)

// Follower subscribes again and again.
type Follower struct {
	Client *Client
	// URLs of the servers, any of which may redirect to the leader; they are
	// tried in turn after failures.
	URLs []string
	// Request returns what to send, without URL; called before each attempt,
	// as a subscriber sends its id from the second time on.
	Request func() *Request
	// Handle reads one subscription until it ends and returns why.
	Handle func(*Subscription) error
	// Failed is told of each end and of how long the follower waits; may be nil.
	Failed  func(err error, wait time.Duration)
	Backoff Backoff
	// Stop reports errors that another attempt cannot mend, such as a refusal
	// of credentials; may be nil.
	Stop func(error) bool
}

// Run subscribes until ctx ends or Stop says so, and returns the last error.
func (f *Follower) Run(ctx context.Context) error {
	for i := 0; ; i++ {
		err := f.once(ctx, f.URLs[i%len(f.URLs)])
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.Stop != nil && f.Stop(err) {
			return err
		}
		if err := f.pause(ctx, err); err != nil {
			return err
		}
	}
}

func (f *Follower) once(ctx context.Context, url string) error {
	req := *f.Request()
	req.URL = url
	sub, err := f.Client.Subscribe(ctx, &req)
	if err != nil {
		return err
	}
	defer sub.Close()
	f.Backoff.Reset()
	return f.Handle(sub)
}

func (f *Follower) pause(ctx context.Context, cause error) error {
	wait := f.Backoff.Next()
	if f.Failed != nil {
		f.Failed(cause, wait)
	}
	return f.Backoff.sleep(ctx, wait)
}
