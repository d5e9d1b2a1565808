package isolation

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/probe"
)

// readings compares three ways of reading CPU time and memory of n containers.
func (b *bench) readings(n int) error {
	b.show(fmt.Sprintf("making %d groups", n))
	h, err := b.open(true)
	if err != nil {
		return err
	}
	groups := make([]*isolation.Group, n)
	for i := range groups {
		if groups[i], err = h.Create(fmt.Sprintf("g%d", i), isolation.Limits{CPUMilli: 100, MemBytes: 64 << 20}); err != nil {
			h.Close()
			return err
		}
	}
	everything, err := b.everything(groups)
	if err != nil {
		h.Close()
		return err
	}
	byBPF, err := b.sampling(h, groups)
	if err != nil {
		return err
	}
	if h, err = b.open(false); err != nil {
		return err
	}
	for i := range groups {
		if groups[i], err = h.Group(fmt.Sprintf("g%d", i)); err != nil {
			h.Close()
			return err
		}
	}
	keptOpen, err := b.sampling(h, groups)
	if err != nil {
		return err
	}
	opened, err := b.openReadClose(n)
	if err != nil {
		return err
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n) }
	title := fmt.Sprintf("Reading CPU time and memory of %d containers", n)
	b.add(fmt.Sprintf("read %d containers, CPU time by BPF", n), each(byBPF), "ns each", "memory from a kept-open file")
	b.draw(title, "BPF")
	b.add(fmt.Sprintf("read %d containers, kept-open files", n), each(keptOpen), "ns each", "%.1f × BPF", float64(keptOpen)/float64(byBPF))
	b.draw(title, "kept-open files")
	b.add(fmt.Sprintf("read %d containers, open-read-close", n), each(opened), "ns each", "%.1f × BPF", float64(opened)/float64(byBPF))
	b.draw(title, "open-read-close")
	b.add(fmt.Sprintf("read %d containers, every statistic", n), each(everything)/1000, "µs each", "what /monitor/statistics shows; most of it from files opened for it")
	if n == 1000 {
		b.add("sampling 1,000 containers each second, by BPF", float64(byBPF)/float64(time.Second)*100, "% of a core", "goal: below 0.5")
	}
	b.show(fmt.Sprintf("removing %d groups", n))
	return b.remove()
}

// sampling is the CPU time of one sample of all groups, whose descriptors are let go
// afterwards.
func (b *bench) sampling(h *isolation.Host, groups []*isolation.Group) (time.Duration, error) {
	b.show(fmt.Sprintf("reading %d groups by %s", len(groups), h.Source()))
	var dst []isolation.Usage
	took, _ := rounds(func() { dst = h.UsageAll(groups, dst) })
	for i, g := range groups {
		if dst[i].Source != h.Source() {
			h.Close()
			return 0, fmt.Errorf("group %s: CPU time comes from %q, want %q", g.ID(), dst[i].Source, h.Source())
		}
		g.Release()
	}
	return took, h.Close()
}

// everything is the CPU time of all that is known of all groups.
func (b *bench) everything(groups []*isolation.Group) (time.Duration, error) {
	b.show(fmt.Sprintf("reading everything of %d groups", len(groups)))
	var fault error
	took, _ := rounds(func() {
		for _, g := range groups {
			if _, err := g.Usage(); err != nil {
				fault = err
			}
		}
	})
	return took, fault
}

// openReadClose reads the same two numbers from files that are opened for it.
func (b *bench) openReadClose(n int) (time.Duration, error) {
	b.show(fmt.Sprintf("reading %d groups, opening files", n))
	c := probe.Host().Cgroups
	files := []string{filepath.Join(c.V2, b.root, "%s", "cpu.stat"), filepath.Join(c.V2, b.root, "%s", "memory.current")}
	if c.Mode() != probe.ModeV2 {
		files = []string{filepath.Join(c.V1["cpuacct"], b.root, "%s", "cpuacct.usage"), filepath.Join(c.V1["memory"], b.root, "%s", "memory.usage_in_bytes")}
	}
	var fault error
	took, _ := rounds(func() {
		for i := range n {
			for _, f := range files {
				if _, err := os.ReadFile(fmt.Sprintf(f, fmt.Sprintf("g%d", i))); err != nil {
					fault = err
				}
			}
		}
	})
	return took, fault
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
