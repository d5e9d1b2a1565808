package isolation

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func BenchmarkLaunch(b *testing.B) {
	for _, withBPF := range []bool{false, true} {
		b.Run(fmt.Sprintf("bpf=%t", withBPF), func(b *testing.B) {
			h := newHost(b, withBPF)
			var launches []time.Duration
			i := 0
			for b.Loop() {
				i++
				began := time.Now()
				g := createGroup(b, h, fmt.Sprintf("g%d", i), Limits{CPUMilli: 100, MemBytes: 64 << 20, PidsMax: 100})
				p := start(b, h, g, Spec{Path: "/bin/true"})
				launches = append(launches, time.Since(began))
				await(b, p)
				if err := g.Destroy(); err != nil {
					b.Fatal(err)
				}
			}
			slices.Sort(launches)
			b.ReportMetric(float64(launches[len(launches)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(launches[len(launches)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// What the agent does each second.
func BenchmarkUsageAll(b *testing.B) {
	for _, n := range []int{100, 1000} {
		for _, withBPF := range []bool{true, false} {
			b.Run(fmt.Sprintf("groups=%d/bpf=%t", n, withBPF), func(b *testing.B) {
				h := newHost(b, withBPF)
				groups := make([]*Group, n)
				for i := range groups {
					groups[i] = createGroup(b, h, fmt.Sprintf("g%d", i), Limits{CPUMilli: 100, MemBytes: 64 << 20})
				}
				var dst []Usage
				b.ReportAllocs()
				for b.Loop() {
					dst = h.UsageAll(groups, dst)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/group")
			})
		}
	}
}
