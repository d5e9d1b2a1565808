package isolation

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation"
)

// launches times how long it takes from nothing to a running command: the group with
// its limits, the namespaces, the process.
func (b *bench) launches() error {
	h, err := b.open(true)
	if err != nil {
		return err
	}
	defer h.Close()
	everything := isolation.Namespaces{Mount: true, PID: true, IPC: true, UTS: true}
	for _, kind := range []struct {
		name   string
		spaces isolation.Namespaces
		mounts []isolation.Mount
	}{
		{"launch, cgroups", isolation.Namespaces{}, nil},
		{"launch, cgroups and mount, pid, ipc and uts namespaces", everything, []isolation.Mount{{Source: "proc", Target: "/proc", FSType: "proc",
			Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}}},
	} {
		times := make([]time.Duration, b.opts.Launches)
		for i := range times {
			b.show(kind.name)
			if times[i], err = b.launch(h, fmt.Sprintf("l%d", i), isolation.Spec{Path: "/bin/true", Setsid: true, NoNewPrivs: true,
				Seccomp: isolation.DefaultSeccomp(), Capabilities: &isolation.Capabilities{Bounding: isolation.DefaultCapabilities, Effective: isolation.DefaultCapabilities},
				Namespaces: kind.spaces, Mounts: kind.mounts}); err != nil {
				return err
			}
		}
		slices.Sort(times)
		b.add(kind.name+", p50", float64(times[len(times)/2].Microseconds())/1000, "ms", "goal: below 5")
		b.add(kind.name+", p99", float64(times[len(times)*99/100].Microseconds())/1000, "ms", "")
	}
	return nil
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
