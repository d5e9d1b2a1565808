package isolation

import (
	"fmt"
	"math"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
)

// busy is a load of everything: a loop, two processes that pass bytes to and fro, and
// one that sleeps most of the time.
const busy = `(while :; do :; done) & (yes | cat >/dev/null) & while :; do sleep 0.01; done`

// within runs a command in a fresh group for as long as fn takes.
func (b *bench) within(h *isolation.Host, s isolation.Spec, fn func(*isolation.Group) error) error {
	g, err := h.Create("load", isolation.Limits{CPUMilli: 1000})
	if err != nil {
		return err
	}
	p, err := h.Start(g, s)
	if err == nil {
		err = fn(g)
	}
	if derr := g.Destroy(); err == nil {
		err = derr
	}
	if p != nil {
		<-p.Exited()
	}
	return err
}

func (b *bench) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

func shell(line string) isolation.Spec {
	return isolation.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: []string{"PATH=/usr/bin:/bin"}, Setsid: true}
}

// programs times the BPF programs, by the kernel's own measure.
func (b *bench) programs() error {
	h, err := b.open(true)
	if err != nil {
		return err
	}
	defer h.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	length := b.opts.Load / 4
	traffic := isolation.Spec{Path: self, Args: []string{"caprock", "bench", "isolation", "traffic", "--for=" + (2 * length).String()}, Setsid: true}
	for _, load := range []struct {
		spec     isolation.Spec
		programs []string
	}{{shell(busy), []string{"on_switch", "on_wakeup"}}, {traffic, []string{"on_egress", "on_ingress"}}} {
		b.show("timing " + load.programs[0])
		stats, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
		if err != nil {
			b.add("cost of BPF programs", 0, "", "not measured: %v", err)
			return nil
		}
		err = b.within(h, load.spec, func(*isolation.Group) error { return b.timePrograms(h, load.programs, length) })
		stats.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) timePrograms(h *isolation.Host, names []string, length time.Duration) error {
	before, err := h.ProgramRuns()
	if err != nil {
		return err
	}
	if err := b.sleep(length); err != nil {
		return err
	}
	after, err := h.ProgramRuns()
	if err != nil {
		return err
	}
	for _, name := range names {
		count := after[name].Count - before[name].Count
		if count == 0 {
			return fmt.Errorf("the BPF program %s has not run once in %s", name, length)
		}
		per := float64((after[name].Time - before[name].Time).Nanoseconds()) / float64(count)
		b.add("BPF program "+name, per, "ns a run", "%d runs, the kernel's measuring of some 30 ns included", count)
		b.draw("A run of each BPF program", name)
	}
	return nil
}

// agreement compares the CPU time that BPF counts with the kernel's own over a mixed
// load.
func (b *bench) agreement() error {
	h, err := b.open(true)
	if err != nil {
		return err
	}
	defer h.Close()
	b.show("comparing CPU times")
	return b.within(h, shell(busy), func(g *isolation.Group) error {
		// Both ends are read while the load stands still, or the order of reading
		// would show.
		read := func() (byBPF, byKernel time.Duration, err error) {
			if err := g.Freeze(); err != nil {
				return 0, 0, err
			}
			all := h.UsageAll([]*isolation.Group{g}, nil)
			files, _, err := g.Sample(false)
			if err != nil {
				return 0, 0, err
			}
			return all[0].CPU, files, g.Thaw()
		}
		bpf0, kernel0, err := read()
		if err != nil {
			return err
		}
		if err := b.sleep(b.opts.Load); err != nil {
			return err
		}
		bpf1, kernel1, err := read()
		if err != nil {
			return err
		}
		counted, real := bpf1-bpf0, kernel1-kernel0
		b.add("CPU time by BPF against the kernel's", 100*math.Abs(float64(counted-real))/float64(real), "% apart", "%.3f s of %.3f s; goal: below 1", counted.Seconds(), real.Seconds())
		return nil
	})
}
