package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caprock/caprock/bench/world"
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

func (e *endpoint) request(ctx context.Context, url string) (*http.Request, error) {
	if e.call == "" {
		return http.NewRequestWithContext(ctx, http.MethodGet, url+e.path, nil)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+e.path, strings.NewReader(e.call))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
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
			// One connection, and bodies as they are sent: inflating would be the readers' work.
			client := &http.Transport{DisableCompression: true}
			defer client.CloseIdleConnections()
			buffer := make([]byte, readBufferBytes)
			for ctx.Err() == nil {
				if err := r.once(ctx, client, e, url, buffer); err != nil && ctx.Err() == nil {
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

// readBufferBytes is what a reader reads into. It keeps nothing: a body of tens of megabytes would
// make the load generator collect garbage in the middle of the calls that it measures.
const readBufferBytes = 256 << 10

func (r *readers) once(ctx context.Context, client *http.Transport, e endpoint, url string, buffer []byte) error {
	began := time.Now()
	request, err := e.request(ctx, url)
	if err != nil {
		return err
	}
	answer, err := client.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return &world.CallError{Status: answer.StatusCode, Text: string(text)}
	}
	for {
		n, err := answer.Body.Read(buffer)
		r.bytes.Add(int64(n))
		switch {
		case errors.Is(err, io.EOF):
			r.record(time.Since(began))
			return nil
		case err != nil:
			return err
		}
	}
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
