package daemon

import (
	"log/slog"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/wire/clock"
	"github.com/caprock/caprock/wire/httpd"
)

// ask calls a handler with a query and gives what it answers.
func ask(h httpd.Handler, uri string) (status int, body string, header *fasthttp.ResponseHeader) {
	c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	c.Request.SetRequestURI(uri)
	h(c)
	return c.Response.StatusCode(), string(c.Response.Body()), &c.Response.Header
}

func TestTheLoggingLevelIsChangedForAWhile(t *testing.T) {
	for _, base := range []slog.Level{slog.LevelWarn, slog.LevelDebug - 4} {
		clk, level := clock.NewSim(time.Unix(1_700_000_000, 0)), &slog.LevelVar{}
		level.Set(base)
		v := NewVerbosity(clk, level)
		toggle := func(query string, want int) {
			t.Helper()
			if status, body, _ := ask(v.Toggle, "/logging/toggle"+query); status != want {
				t.Errorf("%s: got status %d %q, want %d", query, status, body, want)
			}
		}
		holds := func(verbosity uint32, l slog.Level) {
			t.Helper()
			if v.Get() != verbosity || level.Level() != l {
				t.Errorf("got verbosity %d and level %v, want %d and %v", v.Get(), level.Level(), verbosity, l)
			}
		}
		verbose := min(base, slog.LevelDebug)
		toggle("?level=2&duration=10secs", 200)
		holds(2, verbose)
		clk.Advance(6 * time.Second)
		toggle("?level=1&duration=10secs", 200) // the first timer is void
		clk.Advance(6 * time.Second)
		holds(1, verbose)
		clk.Advance(5 * time.Second)
		holds(0, base)
		toggle("?level=3&duration=10secs", 200)
		toggle("?level=0&duration=10secs", 200)
		holds(0, base)
		for _, query := range []string{"?level=1", "?duration=1secs", "?level=x&duration=1secs", "?level=1&duration=x", "?level=1&duration=1"} {
			toggle(query, 400)
		}
		holds(0, base)
	}
}

func TestProfilersAreRefusedAndActorsAreListed(t *testing.T) {
	if status, body, _ := ask(profiler, "/profiler/start"); status != 400 || body[:20] != "Perftools is disable" {
		t.Errorf("profiler: %d %q", status, body)
	}
	if _, body, _ := ask(processes([]string{"master"}), "/__processes__"); body[:30] != `[{"events":[],"id":"master"},{` {
		t.Errorf("actors: %q", body)
	}
}
