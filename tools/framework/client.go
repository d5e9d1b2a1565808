package framework

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
	// silence is how many heartbeat intervals without any event mean that the
	// stream is dead.
	silence = 3
)

// Options of a Client. URL and Info are required.
type Options struct {
	// URL of the allocator, such as http://127.0.0.1:5050.
	URL string
	// Info is what the framework subscribes as. Its id is filled in once known;
	// set it to return as a framework that existed before.
	Info *mesos.FrameworkInfo
	// Codec of calls and events; the zero value is JSON.
	Codec codec.Type
	// Disconnected, if set, is told why the stream broke; Run then subscribes
	// again.
	Disconnected func(error)
}

// Client is one framework.
type Client struct {
	options Options
	http    *httpc.Client

	mu struct {
		sync.Mutex
		id *mesos.FrameworkID
		// Of the live subscription; empty while there is none.
		url, streamID string
	}
}

// New makes a client; it does nothing before Run.
func New(options Options) *Client {
	c := &Client{options: options, http: httpc.New(httpc.Options{})}
	c.mu.id = options.Info.GetId()
	return c
}

// RemoteError is an ERROR event: the allocator has ended the subscription for
// good, and returning would not help.
type RemoteError string

func (e RemoteError) Error() string { return "the allocator refused the framework: " + string(e) }

// StatusError is a call answered with an error status.
type StatusError struct {
	Call   scheduler.Call_Type
	Status int
	Text   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: got status %d: %s", e.Call, e.Status, e.Text)
}

// stopError ends Run.
type stopError struct{ error }

// Run subscribes and hands every event to handle until ctx ends, handle
// returns an error, or the allocator refuses the framework. A broken stream is
// subscribed again under the same framework id.
func (c *Client) Run(ctx context.Context, handle func(*scheduler.Event) error) error {
	var stop stopError
	seed := uint64(time.Now().UnixNano()) // spreads clients that start together
	follower := httpc.Follower{
		Client:  c.http,
		URLs:    []string{strings.TrimSuffix(c.options.URL, "/") + "/api/v1/scheduler"},
		Request: c.subscribe,
		Handle:  func(s *httpc.Subscription) error { return c.stream(s, handle) },
		Failed: func(err error, _ time.Duration) {
			if c.options.Disconnected != nil {
				c.options.Disconnected(err)
			}
		},
		Backoff: httpc.Backoff{Min: firstPause, Max: maxPause, Rand: rand.New(rand.NewPCG(seed, seed))},
		Stop:    final,
	}
	err := follower.Run(ctx)
	if errors.As(err, &stop) {
		return stop.error
	}
	return err
}

// final says whether trying again cannot help: the handler is done, or the
// request itself is at fault. An allocator that is not there yet is neither.
func final(err error) bool {
	var stop stopError
	var status *httpc.StatusError
	if errors.As(err, &status) {
		return status.Status >= 400 && status.Status < 500 && status.Status != http.StatusTooManyRequests
	}
	return errors.As(err, &stop)
}

// subscribe is the next SUBSCRIBE, with the id once there is one.
func (c *Client) subscribe() *httpc.Request {
	info := c.options.Info.CloneVT()
	info.Id = c.ID()
	return c.request(&scheduler.Call{
		Type:        scheduler.Call_SUBSCRIBE.Enum(),
		FrameworkId: info.Id,
		Subscribe:   &scheduler.Call_Subscribe{FrameworkInfo: info},
	})
}

// stream reads one subscription to its end.
func (c *Client) stream(s *httpc.Subscription, handle func(*scheduler.Event) error) error {
	defer c.setStream("", "")
	for {
		record, err := s.Next()
		if err != nil {
			return fmt.Errorf("event stream: %w", err)
		}
		event := &scheduler.Event{}
		if err := c.options.Codec.Unmarshal(record, event); err != nil {
			return fmt.Errorf("event stream: %w", err)
		}
		switch event.GetType() {
		case scheduler.Event_SUBSCRIBED:
			c.mu.Lock()
			c.mu.id = event.GetSubscribed().GetFrameworkId()
			c.mu.Unlock()
			c.setStream(s.URL, s.StreamID)
			if interval := event.GetSubscribed().GetHeartbeatIntervalSeconds(); interval > 0 {
				s.SetSilence(time.Duration(silence * interval * float64(time.Second)))
			}
		case scheduler.Event_ERROR:
			return stopError{RemoteError(event.GetError().GetMessage())}
		}
		if err := handle(event); err != nil {
			return stopError{err}
		}
	}
}

func (c *Client) setStream(url, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.url, c.mu.streamID = url, id
}

// ID of the framework; nil before the first SUBSCRIBED.
func (c *Client) ID() *mesos.FrameworkID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.id
}

// ErrNotSubscribed is returned by Call while there is no event stream.
var ErrNotSubscribed = errors.New("not subscribed at the moment")

// Call sends a call other than SUBSCRIBE and returns when it was accepted. A
// *StatusError means that it was refused; any other error that it is unknown whether
// it had an effect, except ErrNotSubscribed.
func (c *Client) Call(ctx context.Context, call *scheduler.Call) error {
	c.mu.Lock()
	id, url, streamID := c.mu.id, c.mu.url, c.mu.streamID
	c.mu.Unlock()
	if streamID == "" {
		return ErrNotSubscribed
	}
	call.FrameworkId = id
	req := c.request(call)
	req.URL = url
	req.Headers = append(req.Headers, httpc.Field{Name: "Mesos-Stream-Id", Value: streamID})
	resp, err := c.http.Do(ctx, req)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusAccepted && resp.Status != http.StatusOK {
		return &StatusError{call.GetType(), resp.Status, strings.TrimSpace(string(resp.Body))}
	}
	return nil
}

// request encodes a call; encoding fails only if a required field was
// forgotten, which is this program's fault.
func (c *Client) request(call *scheduler.Call) *httpc.Request {
	body, err := c.options.Codec.Append(nil, call)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return &httpc.Request{
		ContentType: c.options.Codec.ContentType(),
		Headers:     []httpc.Field{{Name: "Accept", Value: c.options.Codec.ContentType()}},
		Body:        body,
	}
}
