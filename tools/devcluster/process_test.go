package devcluster

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedLog is written by the supervisor while the test reads.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// sleeper is a supervised process that lives until it is ended.
func sleeper(t *testing.T, log *lockedLog, script string) *process {
	t.Helper()
	p := newProcess("child", "/bin/sh", []string{"-c", script}, log, syscall.SIGTERM)
	p.pause = time.Millisecond
	go p.supervise()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = p.stop(ctx, syscall.SIGKILL)
	})
	return p
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Killing a process on purpose, however often and quickly, is no sign that it
// is broken.
func TestKilledProcessIsStartedAgainEachTime(t *testing.T) {
	var log lockedLog
	p := sleeper(t, &log, "exec sleep 1000")
	for i := range 7 {
		until(t, "the process runs", func() bool { return p.pid() != 0 })
		if err := p.kill(); err != nil {
			t.Fatal(err)
		}
		until(t, "its end was seen", func() bool { return log.count("starting it again") == i+1 })
	}
	until(t, "it runs again", func() bool { return p.pid() != 0 })
}

func TestProcessThatNeverServedIsGivenUpWithItsLastWords(t *testing.T) {
	var log lockedLog
	p := sleeper(t, &log, "echo first line >&2; printf 'caprock: no such disk\\n' >&2; exit 7")
	<-p.ended
	if p.failure == nil || p.failure.Error() != "child did not start (exit status 7): no such disk" {
		t.Errorf("got %v, want an error with the exit status and the last words", p.failure)
	}
	if log.count("starting it again") != 0 {
		t.Error("it was started again, want it given up at once")
	}
}

// One that has served is not given up however often it ends: what it lacks may come back.
func TestProcessThatServedIsStartedAgainAndAgain(t *testing.T) {
	var log lockedLog
	p := sleeper(t, &log, "echo listening: http://127.0.0.1:4711; exit 7")
	until(t, "it was started eight times", func() bool { return log.count("starting it again") >= 8 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.stop(ctx, syscall.SIGKILL); err != nil || p.failure != nil {
		t.Errorf("stopping: %v, failure %v; want neither", err, p.failure)
	}
}

func TestPausesGrowWhileAProcessEndsQuickly(t *testing.T) {
	for quick, want := range []time.Duration{200 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond} {
		if got := pauseAfter(quick, restartPause); got != want {
			t.Errorf("after %d quick ends: got %v, want %v", quick, got, want)
		}
	}
	if got := pauseAfter(1000, restartPause); got != maxPause {
		t.Errorf("after 1000 quick ends: got %v, want %v", got, maxPause)
	}
}

func TestListeningLinePinsTheAddress(t *testing.T) {
	var log lockedLog
	p := sleeper(t, &log, "echo some text; echo listening: http://127.0.0.1:4711; exec sleep 1000")
	<-p.listening
	if p.url() != "http://127.0.0.1:4711" {
		t.Errorf("got %q", p.url())
	}
	if err := p.kill(); err != nil && err != os.ErrProcessDone {
		t.Fatal(err)
	}
	if log.count("some text") != 1 {
		t.Error("other output did not reach the log")
	}
}
