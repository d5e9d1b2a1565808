package isolation

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/isolation/probe"
)

// A short run measures everything and leaves nothing behind.
func TestShortRun(t *testing.T) {
	r := probe.Host()
	if !r.Root || r.Cgroups.Mode() == probe.ModeNone || !r.BPF.OK() || r.Cgroups.V2 == "" {
		t.Skipf("SKIP-ENV: needs root, cgroups and BPF; this host:\n%s", r)
	}
	b := &bench{ctx: t.Context(), opts: Options{Launches: 3, Load: 200 * time.Millisecond}, show: func(string) {},
		root: "caprock-test-bench", pins: t.TempDir() + "/bpf"}
	for _, step := range []func() error{func() error { return b.readings(5) }, b.launches, b.agreement} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"read 5 containers, CPU time by BPF", "open-read-close", "every statistic", "nothing but the process, p99", "launch, cgroups, p50", "namespaces, p99", "against the kernel's"} {
		found := false
		for _, row := range b.rows {
			found = found || strings.Contains(row.What, what) && row.Value >= 0 && row.Unit != ""
		}
		if !found {
			t.Errorf("%q was not measured: %+v", what, b.rows)
		}
	}
	drawn := plots(b.rows)
	if len(drawn) != 2 || len(drawn[0].Bars) != 3 || len(drawn[1].Bars) != 6 {
		t.Errorf("got plots %+v, want ways of reading and kinds of launches", drawn)
	}
	if err := b.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Cgroups.V2 + "/caprock-test-bench"); err == nil {
		t.Error("cgroups are left behind")
	}
	if err := sendPackets(time.Millisecond); err != nil {
		t.Error(err)
	}
}
