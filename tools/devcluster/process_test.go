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
	go p.supervise()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.stop(ctx, syscall.SIGKILL)
	})
	return p
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); {
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
	for i := range maxQuickEnds + 2 {
		until(t, "the process runs", func() bool { return p.pid() != 0 })
		if err := p.kill(); err != nil {
			t.Fatal(err)
		}
		until(t, "its end was seen", func() bool { return log.count("starting it again") == i+1 })
	}
	until(t, "it runs again", func() bool { return p.pid() != 0 })
}

func TestBrokenProcessIsGivenUpWithItsReason(t *testing.T) {
	var log lockedLog
	p := sleeper(t, &log, "exit 7")
	<-p.ended
	if p.failure == nil || !strings.Contains(p.failure.Error(), "exit status 7") {
		t.Errorf("got %v, want an error with the exit status", p.failure)
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
