package api

import (
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
)

// cpuTime is what the process has used of all CPUs: wall times of a shared
// machine say little.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReads are the large reads at 10,000 agents and 50,000 tasks, from
// snapshot to body, without the network.
func BenchmarkReads(b *testing.B) {
	s := testServer(b)
	fill(b, s, 10_000, 50, 50_000)
	handlers := map[string]httpd.Handler{"state": s.state, "state-summary": s.stateSummary, "metrics": s.metricsSnapshot}
	for name, h := range handlers {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
				h(c)
				b.SetBytes(int64(c.Response.Header.ContentLength()))
				_ = c.Response.CloseBodyStream()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
		})
	}
	for _, what := range []master.Call_Type{master.Call_GET_STATE, master.Call_GET_AGENTS, master.Call_GET_TASKS} {
		for _, t := range []codec.Type{codec.JSON, codec.Protobuf} {
			b.Run(what.String()+"/"+t.String(), func(b *testing.B) { readMany(b, s, what, t) })
		}
	}
}

func readMany(b *testing.B, s *Server, what master.Call_Type, t codec.Type) {
	b.ReportAllocs()
	var body []byte
	all := newCluster()
	before := cpuTime(b)
	for b.Loop() {
		var err error
		all.snap = s.view.Snapshot()
		body, err = appendState(what, all, t, body[:0])
		all.forget()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(body)))
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}
