package isolation

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
)

// launches times how long it takes from nothing to a running command: the group with
// its limits, the namespaces, the process. The kinds take turns, the same program
// without any of it among them: what a busy machine adds, it adds to all.
func (b *bench) launches() error {
	h, err := b.open(true)
	if err != nil {
		return err
	}
	defer h.Close()
	everything := isolation.Namespaces{Mount: true, PID: true, IPC: true, UTS: true}
	proc := []isolation.Mount{{Source: "proc", Target: "/proc", FSType: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}}
	kinds := []struct {
		name   string
		launch func(i int, s isolation.Spec) (time.Duration, error)
	}{
		{"launch, nothing but the process", func(_ int, s isolation.Spec) (time.Duration, error) { return b.bare(s) }},
		{"launch, cgroups", func(i int, s isolation.Spec) (time.Duration, error) { return b.launch(h, fmt.Sprintf("c%d", i), s) }},
		{"launch, cgroups and mount, pid, ipc and uts namespaces", func(i int, s isolation.Spec) (time.Duration, error) {
			s.Namespaces, s.Mounts = everything, proc
			return b.launch(h, fmt.Sprintf("n%d", i), s)
		}},
	}
	times := make([][]time.Duration, len(kinds))
	for i := range b.opts.Launches {
		b.show("launching")
		for k, kind := range kinds {
			took, err := kind.launch(i, isolation.Spec{Path: "/bin/true", Setsid: true, NoNewPrivs: true, Seccomp: isolation.DefaultSeccomp(),
				Capabilities: &isolation.Capabilities{Bounding: isolation.DefaultCapabilities, Effective: isolation.DefaultCapabilities}})
			if err != nil {
				return err
			}
			times[k] = append(times[k], took)
		}
	}
	for k, kind := range kinds {
		slices.Sort(times[k])
		for _, q := range []struct {
			name string
			at   int
		}{{"p50", 50}, {"p99", 99}} {
			ms := func(k int) float64 { return float64(times[k][len(times[k])*q.at/100].Microseconds()) / 1000 }
			note := ""
			if k > 0 {
				note = fmt.Sprintf("%.1f × nothing but the process", ms(k)/ms(0))
			}
			if k > 0 && q.at == 50 {
				note += "; goal: below 5"
			}
			b.add(kind.name+", "+q.name, ms(k), "ms", "%s", note)
			b.draw("Launching a command", kind.name+", "+q.name)
		}
	}
	return nil
}

// bare launches s outside of all groups.
func (b *bench) bare(s isolation.Spec) (time.Duration, error) {
	began := time.Now()
	p, err := launch.Start(&s, launch.Groups{})
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if st := <-p.Exited(); st.WaitStatus != 0 {
		return 0, fmt.Errorf("%s: %s", s.Path, st)
	}
	return took, nil
}

func (b *bench) launch(h *isolation.Host, id string, s isolation.Spec) (time.Duration, error) {
	began := time.Now()
	g, err := h.Create(id, isolation.Limits{CPUMilli: 100, MemBytes: 64 << 20, MemSoftBytes: 64 << 20})
	if err != nil {
		return 0, err
	}
	p, err := h.Start(g, s)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if st := <-p.Exited(); st.WaitStatus != 0 {
		return 0, fmt.Errorf("%s: %s", s.Path, st)
	}
	return took, g.Destroy()
}
