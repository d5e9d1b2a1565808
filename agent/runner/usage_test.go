package runner_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/isolation"
)

// begin starts a shell line in container id and leaves it running.
func (r *runs) begin(t testing.TB, l core.Launch, line string) {
	t.Helper()
	l.Directory = filepath.Join(r.dir, "slaves", l.ID)
	l.Path, l.Args, l.Env = "/bin/sh", []string{"sh", "-c", line}, []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	r.runner.Do(l)
	switch c := r.next(t).(type) {
	case core.Started:
	default:
		t.Fatalf("%s: got %#v, want Started", l.ID, c)
	}
}

// next is what the runner reports next.
func (r *runs) next(t testing.TB) core.Command {
	t.Helper()
	select {
	case c := <-r.reports:
		return c
	case <-time.After(time.Minute):
		t.Fatal("nothing was reported for a minute")
		return nil
	}
}

// eventually waits up to 20 s for cond.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited a minute for: %s", what)
		}
	}
}

// With or without cgroups a container's CPU time and memory are known, those of
// processes that left their parent included.
func TestUsage(t *testing.T) {
	for _, isolators := range []string{runner.Auto, runner.Posix} {
		t.Run(isolators, func(t *testing.T) {
			r := newRuns(t, isolators)
			r.begin(t, core.Launch{ID: "busy", Limits: core.Limits{CPUMilli: 100, MemBytes: 64 << 20}},
				"(sh -c 'while :; do :; done' &); exec sleep 60")
			var u isolation.Usage
			eventually(t, "50 ms of CPU time of the orphan", func() bool {
				var err error
				if u, err = r.runner.Usage("busy"); err != nil {
					t.Fatal(err)
				}
				return u.User >= 50*time.Millisecond && u.Processes == 2
			})
			if u.Processes != 2 || u.Threads != 2 || u.RSSBytes < 4096 || u.CPU == 0 {
				t.Errorf("got %+v, want 2 processes and threads, memory and CPU time", u)
			}
			r.runner.Do(core.KillAll{ID: "busy"})
			if c, ok := r.next(t).(core.Exited); !ok || c.WaitStatus != 9 {
				t.Errorf("got %#v, want killed", c)
			}
			if isolators == runner.Posix {
				if u, err := r.runner.Usage("busy"); err == nil {
					t.Errorf("got %+v of a container that is over", u)
				}
			}
		})
	}
}
