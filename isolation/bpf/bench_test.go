package bpf

import (
	"fmt"
	"testing"
	"time"
)

// What the agent does each second for all of its containers.
func BenchmarkReadCPU(bm *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		bm.Run(fmt.Sprintf("groups=%d", n), func(bm *testing.B) {
			b := newKernelBench(bm)
			opts := b.opts
			if err := b.a.Close(true); err != nil {
				bm.Fatal(err)
			}
			opts.MaxGroups = 1024
			b.opts = opts
			var err error
			if b.a, err = Open(opts); err != nil {
				bm.Fatal(err)
			}
			ids := make([]uint64, n)
			for i := range ids {
				ids[i] = uint64(i+1) << 40
				if err := b.a.Register(ids[i], 0); err != nil {
					bm.Fatal(err)
				}
			}
			dst := make([]time.Duration, n)
			bm.ReportAllocs()
			for bm.Loop() {
				now := Now()
				for i, id := range ids {
					dst[i], _ = b.a.CPUAt(id, now)
				}
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N*n), "ns/group")
		})
	}
}
