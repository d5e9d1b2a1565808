package alloc_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/caprock/caprock/wire/link"
)

// BenchmarkDurableCalls is the rate of calls that each write a record, answered
// when it is on the disk, over loopback with the client in the same process.
func BenchmarkDurableCalls(b *testing.B) {
	for _, connections := range []int{2, 16, 128} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			r := start(b, b.TempDir())
			f := r.subscribe("")
			client := &fasthttp.HostClient{Addr: r.s.Addr().String(), MaxConns: connections}
			var n atomic.Int64
			b.SetParallelism((connections + 1) / 2)
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
				req.SetRequestURI(r.url("/api/v1/scheduler"))
				req.Header.SetMethod("POST")
				req.Header.SetContentType("application/json")
				req.Header.Set("Mesos-Stream-Id", f.sub.StreamID)
				for p.Next() {
					kind := "SUPPRESS"
					if n.Add(1)%2 == 0 {
						kind = "REVIVE"
					}
					req.SetBodyString(`{"type":"` + kind + `","framework_id":{"value":"` + f.id + `"}}`)
					if err := client.Do(req, resp); err != nil || resp.StatusCode() != 202 {
						b.Errorf("%v: %s", err, resp)
						return
					}
				}
			})
		})
	}
}

// BenchmarkLaunch is the rate of tasks accepted, 100 to a call and a call per
// agent, each durable before it is answered and sent; per op is a task.
func BenchmarkLaunch(b *testing.B) {
	const perCall, agents = 100, 50
	r := start(b, b.TempDir())
	for range agents {
		a := r.dial("", 0)
		go func() {
			for d := range a.frames {
				if d.GetSeq()%50 == 0 {
					a.send(&link.Up{Body: &link.Up_Applied{Applied: &link.Applied{Seq: d.Seq}}})
				}
			}
		}()
	}
	f := r.subscribe("")
	client := &fasthttp.HostClient{Addr: r.s.Addr().String()}
	call := func(body string) {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		req.SetRequestURI(r.url("/api/v1/scheduler"))
		req.Header.SetMethod("POST")
		req.Header.SetContentType("application/json")
		req.Header.Set("Mesos-Stream-Id", f.sub.StreamID)
		req.SetBodyString(body)
		if err := client.Do(req, resp); err != nil || resp.StatusCode() != 202 {
			b.Errorf("%v: %s", err, resp)
		}
	}
	task := `{"name":"t","task_id":{"value":"t-%d"},"agent_id":{"value":"%s"},"command":{"value":"sleep 1000"},"resources":[` +
		`{"name":"cpus","type":"SCALAR","scalar":{"value":0.001},"allocation_info":{"role":"r"}},` +
		`{"name":"mem","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"r"}}]}`
	n := 0
	b.ResetTimer()
	for n < b.N {
		offers, _ := at(f.next("OFFERS"), "offers").([]any)
		var wg sync.WaitGroup
		for _, o := range offers {
			tasks := make([]string, perCall)
			for i := range tasks {
				tasks[i] = fmt.Sprintf(task, n+i, text(o, "agent_id", "value"))
			}
			n += perCall
			body := fmt.Sprintf(`{"type":"ACCEPT","framework_id":{"value":"%s"},"accept":{"offer_ids":[{"value":"%s"}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[%s]}}],"filters":{"refuse_seconds":0}}}`,
				f.id, text(o, "id", "value"), strings.Join(tasks, ","))
			wg.Go(func() { call(body) })
		}
		wg.Wait()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
}
