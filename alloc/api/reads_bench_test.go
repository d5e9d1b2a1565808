package api

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/mesos/master"
)

// BenchmarkReads are the large reads at 10,000 agents and 50,000 tasks, from
// snapshot to body, without the network.
func BenchmarkReads(b *testing.B) {
	s := testServer(b)
	fill(b, s, 10_000, 50, 50_000)
	handlers := map[string]httpd.Handler{"state": s.state, "state-summary": s.stateSummary, "metrics": s.metricsSnapshot}
	for name, h := range handlers {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := &httpd.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
				h(c)
				b.SetBytes(int64(len(c.Response.Body())))
			}
		})
	}
	for _, t := range []codec.Type{codec.JSON, codec.Protobuf} {
		b.Run("GET_STATE/"+t.String(), func(b *testing.B) {
			b.ReportAllocs()
			var body []byte
			for b.Loop() {
				var err error
				body, err = t.Append(body[:0], s.read(&master.Call{Type: master.Call_GET_STATE.Enum()}))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(body)))
			}
		})
	}
}
