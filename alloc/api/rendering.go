package api

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/caprock/caprock/alloc/view"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
)

// renderings make the answers to reads that walk the state, which takes milliseconds to
// seconds, so that those who look do not delay those who work:
//
//   - one at a time, on a thread that gives way to the others (quietThread);
//   - once for all who ask for the same while they wait. The snapshot is taken when a
//     rendering begins, so everyone sees what was done before they asked;
//   - in memory that is used again, because garbage by the hundred megabytes would
//     make calls pay for its collection.
//
// The queue is bounded by mostWaiting; more is answered 503. Worker, thread and memory are
// given back after renderingIdle without a read.
type renderings struct {
	snapshot func() *view.Snapshot
	clock    clock.Clock

	mu struct {
		sync.Mutex
		waiting  []*rendering   // not begun, first come first; guarded by mu
		working  bool           // there is a worker, which looks at waiting again; guarded by mu
		buffers  [][]byte       // for bodies, at most keptBuffers, the largest last; guarded by mu
		sizes    map[string]int // how long each kind of body was the last time; guarded by mu
		made     uint64         // guarded by mu
		shared   uint64         // requests that others' renderings answered; guarded by mu
		panicked uint64         // guarded by mu
	}
	wake chan struct{} // one token: something may be waiting
}

const (
	renderingIdle = 10 * time.Second
	// mostWaiting bounds the different things that are wanted at a time; any number of
	// requests may want each.
	mostWaiting = 1024
	// keptBuffers are two: while one body is sent the next is made.
	keptBuffers = 2
)

// renderKey says what answers may be shared: the same question, in the same form.
type renderKey struct {
	what     string
	query    string
	encoding httpd.Encoding
}

// render appends an answer, from a cluster of which only the snapshot is there: who needs
// sums or joins asks for them.
type render func(all *cluster, b []byte) ([]byte, error)

// rendering is one body in the making.
type rendering struct {
	key    renderKey
	render render
	users  int           // guarded by renderings.mu until it begins
	done   chan struct{} // closed when body or err is there
	body   *httpd.SharedBody
	err    error
}

func newRenderings(snapshot func() *view.Snapshot, c clock.Clock) *renderings {
	return &renderings{snapshot: snapshot, clock: c, wake: make(chan struct{}, 1)}
}

// get waits for the body; false if too much is waiting already.
func (r *renderings) get(key renderKey, how render) (*rendering, bool) {
	j := r.join(key, how)
	if j == nil {
		return nil, false
	}
	<-j.done
	return j, true
}

// join finds the rendering that has not begun, or queues one; nil if there are too many.
func (r *renderings) join(key renderKey, how render) *rendering {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.mu.waiting {
		if j.key == key {
			j.users++
			r.mu.shared++
			return j
		}
	}
	if len(r.mu.waiting) >= mostWaiting {
		return nil
	}
	j := &rendering{key: key, render: how, users: 1, done: make(chan struct{})}
	r.mu.waiting = append(r.mu.waiting, j)
	if !r.mu.working {
		r.mu.working = true
		go r.work()
	}
	select {
	case r.wake <- struct{}{}:
	default: // the worker has been told
	}
	return j
}

// work takes renderings in turn and has them made, until none has been wanted for
// renderingIdle.
func (r *renderings) work() {
	jobs := make(chan job)
	defer close(jobs)
	go quietly(jobs)
	all := newCluster()
	idle := r.clock.NewTimer(renderingIdle)
	defer idle.Stop()
	for {
		select {
		case <-r.wake:
			for j := r.next(); j != nil; j = r.next() {
				r.make(j, all, jobs)
			}
			idle.Reset(renderingIdle)
		case <-idle.C():
			if r.rest() {
				return
			}
			idle.Reset(renderingIdle)
		}
	}
}

// next takes the rendering that is to begin; nil if there is none.
func (r *renderings) next() *rendering {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.waiting) == 0 {
		return nil
	}
	j := r.mu.waiting[0]
	r.mu.waiting = slices.Delete(r.mu.waiting, 0, 1)
	r.mu.made++
	return j
}

// rest ends the worker, unless something has come in between.
func (r *renderings) rest() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.waiting) > 0 {
		return false
	}
	r.mu.working, r.mu.buffers = false, nil
	return true
}

// make makes one body. The snapshot is taken here and not on the thread that gives way,
// because what it locks, publishing waits for.
func (r *renderings) make(j *rendering, all *cluster, jobs chan<- job) {
	all.snap = r.snapshot()
	ended := make(chan struct{})
	jobs <- job{ended: ended, run: func() { r.fill(j, all) }}
	<-ended
	all.forget()
	close(j.done)
}

func (r *renderings) fill(j *rendering, all *cluster) {
	defer func() {
		if p := recover(); p != nil {
			j.err = fmt.Errorf("BUG: rendering %s: %v\n%s", j.key.what, p, debug.Stack())
			r.mu.Lock()
			r.mu.panicked++
			r.mu.Unlock()
		}
	}()
	plain, err := j.render(all, r.buffer(j.key.what))
	if err != nil {
		j.err = err
		return
	}
	r.sized(j.key.what, len(plain))
	send, encoding := plain, httpd.Encoding(0)
	if !j.key.encoding.Plain() {
		var encoded []byte
		if encoded, encoding = j.key.encoding.Append(r.buffer(""), plain); encoding.Plain() {
			r.keep(encoded)
		} else {
			send = encoded
			r.keep(plain)
		}
	}
	j.body = httpd.NewSharedBody(send, encoding, j.users, func() { r.keep(send) })
}

// leastBuffer is what a kind of body that was not made before begins with.
const leastBuffer = 64 << 10

// buffer returns empty memory, enough for what the kind of body needed the last time and a
// little more, so that it is not copied over and over while it grows.
func (r *renderings) buffer(what string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.mu.sizes[what]
	if n := len(r.mu.buffers) - 1; n >= 0 && cap(r.mu.buffers[n]) >= last {
		b := r.mu.buffers[n]
		r.mu.buffers = r.mu.buffers[:n]
		return b[:0]
	}
	return make([]byte, 0, last+last/16+leastBuffer)
}

// sized remembers how long a kind of body is.
func (r *renderings) sized(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.sizes == nil {
		r.mu.sizes = map[string]int{}
	}
	r.mu.sizes[what] = n
}

// keep takes memory back.
func (r *renderings) keep(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.mu.working {
		return
	}
	r.mu.buffers = append(r.mu.buffers, b)
	slices.SortFunc(r.mu.buffers, func(a, b []byte) int { return cap(a) - cap(b) })
	if extra := len(r.mu.buffers) - keptBuffers; extra > 0 {
		r.mu.buffers = slices.Delete(r.mu.buffers, 0, extra)
	}
}

func (r *renderings) put(put func(string, float64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put("caprock/reads/rendered", float64(r.mu.made))
	put("caprock/reads/shared", float64(r.mu.shared))
	put("caprock/reads/waiting", float64(len(r.mu.waiting)))
	put("caprock/reads/panicked", float64(r.mu.panicked))
}

// respondRendered answers a read with a body of contentType that is made in turn.
func (s *Server) respondRendered(c *httpd.Ctx, contentType, what, query string, how render) {
	j, ok := s.renderings.get(renderKey{what, query, c.Encoding()}, how)
	switch {
	case !ok:
		c.SetReplyHeader("Retry-After", "1")
		c.ReplyText(503, fmt.Sprintf("got a read while %d others wait, want fewer at a time", mostWaiting))
	case j.err != nil:
		s.opts.Logger.Error("a read could not be answered", "error", j.err)
		c.ReplyText(500, "the answer could not be made; the log says why")
	default:
		c.ReplyShared(200, contentType, j.body)
	}
}

// replyRendered answers with a JSON document of an unversioned endpoint, for which the
// whole query counts.
func (s *Server) replyRendered(c *httpd.Ctx, what string, how func(all *cluster, b []byte) []byte) {
	fn, ok := c.JSONP()
	if !ok {
		return
	}
	contentType, name := "application/json", string(fn) // the request's memory is used again
	if fn != nil {
		contentType = "text/javascript"
	}
	s.respondRendered(c, contentType, what, string(c.QueryArgs().QueryString()), func(all *cluster, b []byte) ([]byte, error) {
		if name == "" {
			return how(all, b), nil
		}
		return append(how(all, append(append(b, name...), '(')), ')'), nil
	})
}
