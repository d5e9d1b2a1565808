package api

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
)

func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func (r *renderings) counted() (waiting int, users []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.mu.waiting {
		users = append(users, j.users)
	}
	return len(r.mu.waiting), users
}

// read sends one read of a handler on its own goroutine and returns where its answer comes.
func read(h httpd.Handler) <-chan string {
	answer := make(chan string, 1)
	go func() {
		c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
		h(c)
		answer <- string(c.Response.Body())
	}()
	return answer
}

// hold keeps the thread busy until the returned function is called.
func hold(t *testing.T, s *Server) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	j := s.renderings.join(renderKey{what: "hold"}, func(_ *cluster, b []byte) ([]byte, error) {
		close(begun)
		<-end
		return b, nil
	})
	<-begun
	return func() {
		close(end)
		<-j.done
	}
}

func TestReadersWhoWaitShareOneRenderingOfWhatIsThereThen(t *testing.T) {
	s := testServer(t)
	fill(t, s, 2, 1, 3)
	release := hold(t, s)
	var answers []<-chan string
	for range 3 {
		answers = append(answers, read(s.state))
	}
	summary := read(s.stateSummary)
	waitUntil(t, "four readers wait for two bodies", func() bool {
		n, users := s.renderings.counted()
		return n == 2 && users[0]+users[1] == 4
	})
	// What happens before the rendering begins is seen by all, also by who asked first.
	s.Publish([]core.Change{{ID: record.ID{Kind: record.KindTask, Parts: [3]string{"f-0000", "task-0"}}}})
	release()
	first := <-answers[0]
	if n := strings.Count(first, `"id":"task-`); n != 2 {
		t.Errorf("the body shows %d tasks, want the 2 that were left when it was made", n)
	}
	for _, a := range answers[1:] {
		if got := <-a; got != first {
			t.Error("readers of one rendering got different bodies")
		}
	}
	if got := <-summary; got == first || got == "" {
		t.Error("/state-summary was answered with /state")
	}
	if r := s.renderings; r.mu.made != 3 || r.mu.shared != 2 {
		t.Errorf("%d made and %d shared, want 3 and 2", r.mu.made, r.mu.shared)
	}
}

func TestWhoComesLaterGetsALaterBody(t *testing.T) {
	s := testServer(t)
	fill(t, s, 1, 1, 1)
	key, begun, end := renderKey{what: "x"}, make(chan struct{}), make(chan struct{})
	first := s.renderings.join(key, func(_ *cluster, b []byte) ([]byte, error) {
		close(begun)
		<-end
		return append(b, "first"...), nil
	})
	<-begun
	second := s.renderings.join(key, func(_ *cluster, b []byte) ([]byte, error) { return append(b, "second"...), nil })
	if first == second {
		t.Fatal("joined a rendering that had begun: it may miss what the reader knows of")
	}
	close(end)
	<-second.done
}

func TestTooManyDifferentReadsAreRefused(t *testing.T) {
	s := testServer(t)
	release := hold(t, s)
	for i := range mostWaiting {
		if s.renderings.join(renderKey{what: "x", query: strings.Repeat("x", i)}, nil) == nil {
			t.Fatalf("refused after %d", i)
		}
	}
	c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	s.state(c)
	if c.Response.StatusCode() != 503 || string(c.Response.Header.Peek("Retry-After")) != "1" {
		t.Errorf("got %d, want 503 with Retry-After", c.Response.StatusCode())
	}
	s.renderings.mu.Lock()
	s.renderings.mu.waiting = nil
	s.renderings.mu.Unlock()
	release()
}

func TestARenderingThatPanicsIsAnswered(t *testing.T) {
	s := testServer(t)
	c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	s.respondRendered(c, "text/plain", "x", "", func(*cluster, []byte) ([]byte, error) { panic("wrong") })
	if c.Response.StatusCode() != 500 || s.renderings.mu.panicked != 1 {
		t.Errorf("got %d, want 500", c.Response.StatusCode())
	}
	if got := <-read(s.state); !strings.Contains(got, `"slaves":[]`) {
		t.Errorf("the next read got %q", got)
	}
}

func TestRenderingsRestWhenNobodyReads(t *testing.T) {
	sim := clock.NewSim(time.Unix(1, 0))
	s, err := New(Options{MasterInfo: testMaster(), Clock: sim})
	if err != nil {
		t.Fatal(err)
	}
	<-read(s.state)
	working := func() (is bool, buffers int) {
		s.renderings.mu.Lock()
		defer s.renderings.mu.Unlock()
		return s.renderings.mu.working, len(s.renderings.mu.buffers)
	}
	if is, buffers := working(); !is || buffers == 0 {
		t.Fatalf("working %v with %d buffers right after a read", is, buffers)
	}
	waitUntil(t, "the worker ends and the memory goes", func() bool {
		sim.Advance(renderingIdle)
		is, buffers := working()
		return !is && buffers == 0
	})
	if got := <-read(s.state); got == "" {
		t.Error("no answer after a rest")
	}
}

// Bodies are made in memory that earlier ones were made in; those who still read the
// earlier must not see that.
func TestBodiesThatAreBeingSentAreLeftAlone(t *testing.T) {
	s := testServer(t)
	fill(t, s, 3, 1, 5)
	slow := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	s.state(slow)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				<-read(s.stateSummary)
				<-read(s.tasks)
			}
		})
	}
	wg.Wait()
	if got := slow.Response.Body(); !bytes.Equal(got, []byte(<-read(s.state))) {
		t.Error("the body changed before it was read")
	}
}

func TestStateAllocatesNothingPerAgentOrTask(t *testing.T) {
	s := testServer(t)
	fill(t, s, 1000, 5, 5000)
	for name, render := range map[string]func(*cluster, []byte) []byte{"/state": s.appendState, "/state-summary": s.appendSummary} {
		all, b := newCluster(), []byte(nil)
		once := func() {
			all.snap = s.view.Snapshot()
			b = render(all, b[:0])
			all.forget()
		}
		once()
		if n := testing.AllocsPerRun(5, once); n > 100 {
			t.Errorf("%s of 1,000 agents and 5,000 tasks allocates %v times, want a number that does not depend on them", name, n)
		}
	}
}
