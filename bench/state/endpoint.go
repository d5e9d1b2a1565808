package state

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/httpc"
)

// endpoint is something that readers poll.
type endpoint struct {
	name string
	path string
	call string // of the operator API; empty for a GET
}

// endpoints by name.
var endpoints = []endpoint{
	{name: "/state", path: "/state"},
	{name: "/state-summary", path: "/state-summary"},
	{name: "GET_AGENTS", path: "/api/v1", call: `{"type":"GET_AGENTS"}`},
	{name: "GET_TASKS", path: "/api/v1", call: `{"type":"GET_TASKS"}`},
}

func endpointNamed(name string) (endpoint, error) {
	for _, e := range endpoints {
		if e.name == name {
			return e, nil
		}
	}
	return endpoint{}, fmt.Errorf("got --endpoints=%s, want /state, /state-summary, GET_AGENTS or GET_TASKS", name)
}

func (e *endpoint) request(url string) *httpc.Request {
	if e.call == "" {
		return &httpc.Request{Method: "GET", URL: url + e.path}
	}
	return &httpc.Request{URL: url + e.path, ContentType: "application/json", Body: []byte(e.call)}
}

// readers poll one endpoint.
type readers struct {
	record func(time.Duration)
	bytes  *atomic.Int64
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu  sync.Mutex
	err error // guarded by mu
}

// read starts count readers that pause between their reads.
func read(ctx context.Context, url string, e endpoint, count int, pause time.Duration, record func(time.Duration), bytes *atomic.Int64) *readers {
	r := &readers{record: record, bytes: bytes}
	ctx, r.cancel = context.WithCancel(ctx)
	for range count {
		r.all.Go(func() {
			client := httpc.New(httpc.Options{})
			defer client.Close()
			for ctx.Err() == nil {
				if err := r.once(ctx, client, e.request(url)); err != nil && ctx.Err() == nil {
					r.fail(fmt.Errorf("reading %s: %w", e.name, err))
					return
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	}
	return r
}

func (r *readers) once(ctx context.Context, client *httpc.Client, request *httpc.Request) error {
	began := time.Now()
	answer, err := client.Do(ctx, request)
	if err != nil {
		return err
	}
	if answer.Status != 200 {
		return &world.CallError{Status: answer.Status, Text: string(answer.Body)}
	}
	r.record(time.Since(began))
	r.bytes.Add(int64(len(answer.Body)))
	return nil
}

func (r *readers) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Err is the last failure of a reader.
func (r *readers) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// stop ends the readers.
func (r *readers) stop() {
	r.cancel()
	r.all.Wait()
}
