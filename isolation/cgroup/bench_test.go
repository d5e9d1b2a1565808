package cgroup

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// What Mesos does for each reading of each container.
func openReadClose(g *Group) (cpu, mem uint64) {
	path, _ := g.cpuFile()
	cpu, _ = readUint(path)
	mem, _ = readUint(g.path("memory", "memory.usage_in_bytes"))
	return cpu, mem
}

func BenchmarkSample(b *testing.B) {
	for _, n := range []int{100, 1000} {
		tree, groups := benchGroups(b, n)
		b.Run(fmt.Sprintf("kept open, cpu+mem, groups=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, g := range groups {
					g.Sample(false)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/group")
		})
		b.Run(fmt.Sprintf("kept open, mem, groups=%d", n), func(b *testing.B) {
			for b.Loop() {
				for _, g := range groups {
					g.Sample(true)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/group")
		})
		b.Run(fmt.Sprintf("open-read-close, groups=%d", n), func(b *testing.B) {
			for b.Loop() {
				for _, g := range groups {
					openReadClose(g)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/group")
		})
		if err := errors.Join(tree.Remove(), tree.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchGroups(b *testing.B, n int) (*Tree, []*Group) {
	for _, c := range layouts(b) {
		if c.V2 == "" {
			continue
		}
		tree, err := Open(Options{Cgroups: c, Root: fmt.Sprintf("caprock-bench-%d-%d", os.Getpid(), n)})
		if err != nil {
			b.Fatal(err)
		}
		groups := make([]*Group, n)
		for i := range groups {
			groups[i] = create(b, tree, fmt.Sprintf("g%d", i), Limits{CPUMilli: 100, MemBytes: 64 << 20})
		}
		return tree, groups
	}
	b.Skip("SKIP-ENV: needs a unified hierarchy")
	return nil, nil
}
