package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/scheduler"
	"github.com/caprock/caprock/wire/recordio"
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
	url     string
	http    *http.Client

	mu struct {
		sync.Mutex
		id       *mesos.FrameworkID
		streamID string // of the live subscription; "" while there is none
	}
}

// New makes a client; it does nothing before Run.
func New(options Options) *Client {
	c := &Client{
		options: options,
		url:     strings.TrimSuffix(options.URL, "/") + "/api/v1/scheduler",
		http:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}},
	}
	c.mu.id = options.Info.GetId()
	return c
}

// RemoteError is an ERROR event: the allocator has ended the subscription for
// good, and returning would not help.
type RemoteError string

func (e RemoteError) Error() string { return "the allocator refused the framework: " + string(e) }

// StatusError is a call answered with an unexpected HTTP status.
type StatusError struct {
	Call   scheduler.Call_Type
	Status int
	Text   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: got status %d: %s", e.Call, e.Status, e.Text)
}

// Run subscribes and hands every event to handle until ctx ends, handle
// returns an error, or the allocator refuses the framework. A broken stream is
// subscribed again under the same framework id.
func (c *Client) Run(ctx context.Context, handle func(*scheduler.Event) error) error {
	pause := firstPause
	for {
		lived, err := c.stream(ctx, handle)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var stop stopError
		if errors.As(err, &stop) {
			return stop.error
		}
		if c.options.Disconnected != nil {
			c.options.Disconnected(err)
		}
		if lived {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// stopError ends Run.
type stopError struct{ error }

// stream holds one subscription; lived tells whether it was accepted.
func (c *Client) stream(ctx context.Context, handle func(*scheduler.Event) error) (lived bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	info := c.options.Info.CloneVT()
	info.Id = c.ID()
	resp, err := c.post(ctx, &scheduler.Call{
		Type:        scheduler.Call_SUBSCRIBE.Enum(),
		FrameworkId: info.Id,
		Subscribe:   &scheduler.Call_Subscribe{FrameworkInfo: info},
	}, "")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, c.refusal(scheduler.Call_SUBSCRIBE, resp)
	}
	defer c.setStream("")

	watchdog := time.AfterFunc(time.Minute, cancel)
	defer watchdog.Stop()
	patience := time.Minute
	records := recordio.NewReader(resp.Body)
	for {
		record, err := records.Next()
		if err != nil {
			return true, fmt.Errorf("event stream: %w", err)
		}
		watchdog.Reset(patience)
		event := &scheduler.Event{}
		if err := c.options.Codec.Unmarshal(record, event); err != nil {
			return true, fmt.Errorf("event stream: %w", err)
		}
		switch event.GetType() {
		case scheduler.Event_SUBSCRIBED:
			c.subscribed(event.GetSubscribed().GetFrameworkId(), resp.Header.Get("Mesos-Stream-Id"))
			if s := event.GetSubscribed().GetHeartbeatIntervalSeconds(); s > 0 {
				patience = time.Duration(silence * s * float64(time.Second))
			}
		case scheduler.Event_ERROR:
			return true, stopError{RemoteError(event.GetError().GetMessage())}
		}
		if err := handle(event); err != nil {
			return true, stopError{err}
		}
	}
}

// refusal reads the answer of a call that was not accepted. A fault of the
// request itself ends Run; an allocator that is not there yet does not.
func (c *Client) refusal(call scheduler.Call_Type, resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	err := &StatusError{call, resp.StatusCode, strings.TrimSpace(string(text))}
	if resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
		return stopError{err}
	}
	return err
}

func (c *Client) subscribed(id *mesos.FrameworkID, streamID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.id = id
	c.mu.streamID = streamID
}

func (c *Client) setStream(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.streamID = id
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
	id, streamID := c.mu.id, c.mu.streamID
	c.mu.Unlock()
	if streamID == "" {
		return ErrNotSubscribed
	}
	call.FrameworkId = id
	resp, err := c.post(ctx, call, streamID)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted && resp.StatusCode != http.StatusOK {
		err := c.refusal(call.GetType(), resp)
		var stop stopError
		if errors.As(err, &stop) {
			return stop.error
		}
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (c *Client) post(ctx context.Context, call *scheduler.Call, streamID string) (*http.Response, error) {
	body, err := c.options.Codec.Append(nil, call)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", c.options.Codec.ContentType())
	req.Header.Set("Accept", c.options.Codec.ContentType())
	if streamID != "" {
		req.Header.Set("Mesos-Stream-Id", streamID)
	}
	return c.http.Do(req)
}
