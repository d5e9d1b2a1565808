package isolation

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caprock/caprock/isolation/bpf"
	"github.com/caprock/caprock/isolation/cgroup"
	"github.com/caprock/caprock/isolation/probe"
)

// tryDevices opens devices in a fresh group and says which could be.
func tryDevices(t *testing.T, h *Host, id string) string {
	t.Helper()
	g := createGroup(t, h, id, Limits{})
	text := printed(t, h, g, `
		for d in /dev/null /dev/zero /dev/urandom /dev/kmsg; do
			if (: <$d) 2>/dev/null; then echo -n "$d "; fi
		done
		mknod node b 7 6 && echo -n made; (: <node) 2>/dev/null && echo -n " and opened"; rm -f node`)
	if err := g.Destroy(); err != nil {
		t.Error(err)
	}
	return text
}

// printed is what a shell line prints in a group.
func printed(t *testing.T, h *Host, g *Group, line string) string {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := shell(line)
	s.Stdout, s.Dir = out, t.TempDir()
	await(t, start(t, h, g, s))
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDevicesAreRestricted(t *testing.T) {
	if err := devicesByBPF(); err != nil {
		t.Skipf("SKIP-ENV: %v", err)
	}
	if f, err := os.Open("/dev/kmsg"); err != nil {
		t.Skipf("SKIP-ENV: the test itself may not open /dev/kmsg: %v", err)
	} else {
		f.Close()
	}
	const usual, all = "/dev/null /dev/zero /dev/urandom made", "/dev/null /dev/zero /dev/urandom /dev/kmsg made"
	o := testOptions(t, false)
	o.Devices = DefaultDevices()
	h := openHost(t, o)
	if got := tryDevices(t, h, "a"); got != usual {
		t.Errorf("by default: got %q, want %q", got, usual)
	}
	// The rules of another agent in the same place replace these.
	kmsg, err := DeviceAt("/dev/kmsg", true, false, false)
	if err != nil {
		t.Fatal(err)
	}
	o.Devices = append(o.Devices, kmsg)
	h.Close()
	h = openHost(t, o)
	if got := tryDevices(t, h, "b"); got != all {
		t.Errorf("with one more device: got %q, want %q", got, all)
	}
	o.Devices = nil
	h.Close()
	h = openHost(t, o)
	defer removeHost(t, h)
	if got := tryDevices(t, h, "c"); !strings.HasPrefix(got, all) {
		t.Errorf("without rules: got %q, want %q", got, all)
	}
	if err := bpf.ReleaseDevices(h.tree.V2Dir()); err != nil {
		t.Errorf("releasing twice: %v", err)
	}
}

// v1's controller does the same where there is no BPF.
func TestDevicesAreRestrictedByV1(t *testing.T) {
	c := probe.Host().Cgroups
	if !probe.Host().Root || c.V1["devices"] == "" {
		t.Skip("SKIP-ENV: needs root and v1's controller of devices")
	}
	o := testOptions(t, false)
	o.Controllers = []string{"devices"}
	h := openHost(t, o)
	defer removeHost(t, h)
	if err := h.tree.RestrictDevices(DefaultDevices()); err != nil {
		t.Fatal(err)
	}
	if got := tryDevices(t, h, "a"); got != "/dev/null /dev/zero /dev/urandom made" {
		t.Errorf("got %q", got)
	}
}

func TestDeviceRules(t *testing.T) {
	var text []string
	for _, r := range DefaultDevices() {
		text = append(text, r.String())
	}
	for _, want := range []string{"c *:* m", "b *:* m", "c 1:3 rwm", "c 136:* rwm"} {
		if !slices.Contains(text, want) {
			t.Errorf("%q is not among %q", want, text)
		}
	}
	r, err := DeviceAt("/dev/null", true, true, false)
	if want := (cgroup.DeviceRule{Major: 1, Minor: 3, Read: true, Write: true}); err != nil || r != want {
		t.Errorf("got %v, %v; want %v", r, err, want)
	}
	for _, path := range []string{"/etc/passwd", "/dev/no-such"} {
		if _, err := DeviceAt(path, true, true, true); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
	if _, err := DeviceAt("/dev/null", false, false, false); err == nil {
		t.Error("no access was taken")
	}
}
