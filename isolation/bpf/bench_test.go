package bpf

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
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
				if err := b.a.Register(ids[i], 0, false); err != nil {
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

// What a context switch costs more, for tasks of ours and for all others: the
// kernel's own measure of the time spent in each program, while two processes
// pass a byte to and fro.
func BenchmarkSwitch(bm *testing.B) {
	for _, registered := range []bool{true, false} {
		bm.Run(fmt.Sprintf("ours=%t", registered), func(bm *testing.B) {
			b := newKernelBench(bm)
			if registered {
				if err := b.a.Register(b.id, 0, false); err != nil {
					bm.Fatal(err)
				}
			}
			stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
			if err != nil {
				bm.Skipf("SKIP-ENV: %v", err)
			}
			defer stats.Close()
			for bm.Loop() {
				c := exec.Command("/bin/bash", "-c", `coproc cat; for ((i=0;i<3000;i++)); do echo x >&${COPROC[1]}; read -r l <&${COPROC[0]}; done`)
				c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(b.groupDir.Fd())}
				if out, err := c.CombinedOutput(); err != nil {
					bm.Fatal(err, string(out))
				}
			}
			runs, err := b.a.ProgramRuns()
			if err != nil {
				bm.Fatal(err)
			}
			for _, name := range []string{kernelProgOnSwitch, kernelProgOnWakeup} {
				if runs[name].Count == 0 {
					bm.Fatal("no runs were counted of ", name)
				}
				bm.ReportMetric(float64(runs[name].Time.Nanoseconds())/float64(runs[name].Count), name+"-ns")
			}
		})
	}
}

// What a request to a block device costs more, for those of ours and of all others.
func BenchmarkRequest(bm *testing.B) {
	for _, registered := range []bool{true, false} {
		bm.Run(fmt.Sprintf("ours=%t", registered), func(bm *testing.B) {
			b := newKernelBench(bm)
			disk, _ := disk(bm)
			if registered {
				if err := b.a.Register(b.id, 0, false); err != nil {
					bm.Fatal(err)
				}
			}
			stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
			if err != nil {
				bm.Skipf("SKIP-ENV: %v", err)
			}
			defer stats.Close()
			for bm.Loop() {
				if out, err := b.command("for i in 1 2 3 4; do dd if=" + disk + " of=/dev/null iflag=direct bs=4k count=256; done").CombinedOutput(); err != nil {
					bm.Fatal(err, string(out))
				}
			}
			runs, err := b.a.ProgramRuns()
			if err != nil {
				bm.Fatal(err)
			}
			requests := float64(runs[kernelProgOnComplete].Count)
			sum := 0.0
			for _, name := range []string{kernelProgOnBlock, kernelProgOnInsert, kernelProgOnIssue, kernelProgOnComplete} {
				bm.ReportMetric(float64(runs[name].Time.Nanoseconds())/requests, name+"-ns")
				sum += float64(runs[name].Time.Nanoseconds())
			}
			bm.ReportMetric(sum/requests, "ns/request")
		})
	}
}
