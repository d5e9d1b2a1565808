package check

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// bench is a checker whose results are read one by one.
type bench struct {
	*Checker
	t       *testing.T
	results chan core.Checked
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, results: make(chan core.Checked, 1)}
	b.Checker = New(Options{
		Join: func(_ context.Context, _ string, cmd *core.CheckCommand) (*isolation.Process, error) {
			return launch.Start(&isolation.Spec{Path: cmd.Path, Args: cmd.Args, Dir: cmd.Directory, Env: cmd.Env, Setsid: true}, launch.Groups{})
		},
		Report: func(c core.Command) { b.results <- c.(core.Checked) },
		Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() {
		b.Stop()
		b.Wait()
	})
	return b
}

func (b *bench) check(e core.Check) core.Checked {
	b.t.Helper()
	e.ID, e.Run = "c", 7
	if !b.Do(e) {
		b.t.Fatal("the checker does not take checks")
	}
	select {
	case r := <-b.results:
		if r.ID != "c" || r.Run != 7 {
			b.t.Errorf("result is of %s run %d", r.ID, r.Run)
		}
		return r
	case <-time.After(time.Minute):
		b.t.Fatal("no result after a minute")
		return core.Checked{}
	}
}

func (b *bench) want(e core.Check, code int, failure string) {
	b.t.Helper()
	r := b.check(e)
	if r.Code != code || (failure == "") != (r.Failure == "") || !strings.Contains(r.Failure, failure) {
		b.t.Errorf("%+v: got %+v, want code %d and failure %q", e, r, code, failure)
	}
}

func site(release <-chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.Handle("/moved", http.RedirectHandler("/bad", http.StatusFound))
	mux.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	return mux
}

func TestHTTP(t *testing.T) {
	release := make(chan struct{})
	plain, secure := httptest.NewServer(site(release)), httptest.NewUnstartedServer(site(release))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	defer close(release)
	b := newBench(t)
	b.want(core.Check{URL: plain.URL + "/ok"}, 200, "")
	b.want(core.Check{URL: plain.URL + "/bad"}, 503, "")
	b.want(core.Check{URL: plain.URL + "/moved"}, 503, "")
	b.want(core.Check{URL: plain.URL + "/round"}, 0, "redirects")
	b.want(core.Check{URL: plain.URL + "/slow", Timeout: int64(50 * time.Millisecond)}, 0, "timed out after 50ms")
	b.want(core.Check{URL: secure.URL + "/ok", Unverified: true}, 200, "")
	b.want(core.Check{URL: secure.URL + "/ok"}, 0, "certificate")
	b.want(core.Check{URL: "http://127.0.0.1:1/ok"}, 0, "refused")
	b.want(core.Check{URL: "http://127.0.0.1:1/%zz"}, 0, "invalid")
}

func TestTCP(t *testing.T) {
	b := newBench(t)
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		ln, err := net.Listen("tcp", host)
		if err != nil {
			t.Logf("%s is not here: %v", host, err)
			continue
		}
		b.want(core.Check{Address: ln.Addr().String()}, 0, "")
		ln.Close()
		b.want(core.Check{Address: ln.Addr().String()}, 1, "")
	}
}

func shell(t *testing.T, line string) *core.CheckCommand {
	return &core.CheckCommand{Directory: t.TempDir(), Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: []string{"PATH=/bin:/usr/bin", "A=b"}}
}

func TestCommand(t *testing.T) {
	b := newBench(t)
	b.want(core.Check{Command: shell(t, `test "$A" = b`)}, 0, "")
	b.want(core.Check{Command: shell(t, "exit 3")}, 3, "")
	b.want(core.Check{Command: shell(t, "kill -KILL $$")}, 0, "terminated by signal")
	b.want(core.Check{Command: &core.CheckCommand{Path: "/no/such/program"}}, 0, "no such file")
}

// Out of time a command ends with all that it has started.
func TestCommandTimeout(t *testing.T) {
	b := newBench(t)
	cmd := shell(t, "echo $$ >pid; sleep 1000; true")
	var pid string
	// On a busy machine the command may not come to run within a time that is short.
	for timeout := 300 * time.Millisecond; pid == "" && timeout < 15*time.Second; timeout *= 3 {
		b.want(core.Check{Command: cmd, Timeout: int64(timeout)}, 0, "timed out")
		text, _ := os.ReadFile(filepath.Join(cmd.Directory, "pid"))
		pid = strings.TrimSpace(string(text))
	}
	if pid == "" {
		t.Fatal("the command did not come to run")
	}
	awaitGroupGone(t, pid)
}

func awaitGroupGone(t *testing.T, pid string) {
	t.Helper()
	n := 0
	for _, d := range pid {
		n = 10*n + int(d-'0')
	}
	for deadline := time.Now().Add(time.Minute); syscall.Kill(-n, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process group %d still runs", n)
		}
	}
}

// A cancelled run reports nothing, and neither does one that Stop ends.
func TestCancel(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(site(release))
	b := newBench(t)
	b.Do(core.Check{ID: "c", Run: 1, URL: s.URL + "/slow"})
	b.Do(core.Check{ID: "c", Run: 2, Command: shell(t, "sleep 1000")})
	b.Do(core.CancelCheck{Run: 1})
	b.Do(core.CancelCheck{Run: 99})
	b.Stop()
	b.Wait()
	b.Do(core.Check{ID: "c", Run: 3, Address: "127.0.0.1:1"})
	b.Wait()
	if len(b.results) != 0 {
		t.Errorf("got %+v of a cancelled check", <-b.results)
	}
	close(release)
	s.Close()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
