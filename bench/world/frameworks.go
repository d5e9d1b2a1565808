package world

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
)

// Frameworks are the schedulers of a world.
type Frameworks struct {
	All    []*Framework
	client *httpc.Client
	cancel context.CancelFunc
	codec  codec.Type

	mu struct {
		sync.Mutex
		closing bool
		err     error // first failure of a stream
	}
}

// FrameworksOptions say how many schedulers there are.
type FrameworksOptions struct {
	Count int
	// Roles they are dealt over, role0 and on; default 1.
	Roles int
	// Role, if not empty, is the one role of all instead.
	Role string
	// Task is what they launch.
	Task  Task
	Codec codec.Type
	// Events is what they do.
	Events Events
	// Return are those that come back; nil for new ones.
	Return *Frameworks
}

// subscribers is how many subscribe at once.
const subscribers = 64

// Subscribe brings all frameworks on; it returns when each is subscribed.
func Subscribe(ctx context.Context, url string, o FrameworksOptions) (*Frameworks, error) {
	streams, cancel := context.WithCancel(ctx)
	fs := &Frameworks{All: make([]*Framework, o.Count), client: httpc.New(httpc.Options{}), cancel: cancel, codec: o.Codec}
	errs := make(chan error, o.Count)
	slots := make(chan struct{}, subscribers)
	for i := range o.Count {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			fo := FrameworkOptions{Codec: o.Codec, Role: fmt.Sprintf("role%d", i%max(1, o.Roles)), Task: o.Task}
			if o.Role != "" {
				fo.Role = o.Role
			}
			if o.Return != nil {
				fo.Return = o.Return.All[i]
			}
			f, err := subscribe(streams, fs.client, url, i, fo)
			if err == nil {
				fs.All[i] = f
				go func() { fs.over(f, f.read(o.Codec, o.Events)) }()
			}
			errs <- err
		}()
	}
	var all error
	for range o.Count {
		if err := <-errs; err != nil && all == nil {
			all = fmt.Errorf("subscribing: %w", err)
		}
	}
	if all != nil {
		fs.Close()
		return nil, all
	}
	return fs, nil
}

func (fs *Frameworks) over(f *Framework, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if !fs.mu.closing && fs.mu.err == nil {
		fs.mu.err = fmt.Errorf("event stream of framework %d: %w", f.Number, err)
	}
}

// Err is the first failure of a stream.
func (fs *Frameworks) Err() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.mu.err
}

// Fail notes a failure of a framework.
func (fs *Frameworks) Fail(err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if !fs.mu.closing {
		fs.mu.err = errors.Join(fs.mu.err, err)
	}
}

// Leave tears every framework down.
func (fs *Frameworks) Leave() {
	for _, f := range fs.All {
		_, _ = f.post((*calls).teardown) // what fails here is gone already
	}
}

// Close drops all connections.
func (fs *Frameworks) Close() {
	fs.mu.Lock()
	fs.mu.closing = true
	fs.mu.Unlock()
	fs.cancel()
	for _, f := range fs.All {
		if f != nil {
			f.close()
		}
	}
	fs.client.Close()
}
