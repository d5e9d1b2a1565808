package agent

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/volume"
	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/resource"
)

const mib = 1 << 20

// checkDisks reports MOUNT disks on which nothing is mounted.
func checkDisks(total resource.Resources, workDir string) error {
	var errs []error
	for _, r := range total {
		if source := r.Disk().GetSource(); source.GetType() == mesos.Resource_DiskInfo_Source_MOUNT && !r.HasProvider() {
			root := source.GetMount().GetRoot()
			if !filepath.IsAbs(root) {
				root = filepath.Join(workDir, root)
			}
			errs = append(errs, volume.CheckMount(root))
		}
	}
	return errors.Join(errs...)
}

// detectResources adds to given what it lacks of cpus, mem, disk and ports, by
// Mesos' rules: mem and disk leave something to the system.
func detectResources(given resource.Resources, workDir string) (resource.Resources, error) {
	has := func(name string) bool { return !given.Named(name).IsEmpty() }
	out := given
	if !has("cpus") {
		out = out.Plus(resource.Of(resource.NewScalar("cpus", int64(runtime.NumCPU())*1000)))
	}
	if !has("mem") {
		var si unix.Sysinfo_t
		if err := unix.Sysinfo(&si); err != nil {
			return nil, fmt.Errorf("detect memory: %w", err)
		}
		total := int64(si.Totalram) * int64(si.Unit) / mib
		out = out.Plus(resource.Of(resource.NewScalar("mem", usable(total, 1024)*1000)))
	}
	if !has("disk") {
		var st unix.Statfs_t
		if err := unix.Statfs(workDir, &st); err != nil {
			return nil, fmt.Errorf("detect disk of %s: %w", workDir, err)
		}
		total := int64(st.Blocks) * st.Bsize / mib
		out = out.Plus(resource.Of(resource.NewScalar("disk", usable(total, 5*1024)*1000)))
	}
	if !has("ports") {
		ports := resource.NewRanges(resource.Range{Begin: 31000, End: 32000})
		out = out.Plus(resource.Of(resource.NewRangesResource("ports", ports)))
	}
	return out, nil
}

// usable leaves reserve to the system, or half where total is under twice that.
func usable(totalMiB, reserveMiB int64) int64 {
	if totalMiB >= 2*reserveMiB {
		return totalMiB - reserveMiB
	}
	return totalMiB / 2
}

// bootID identifies this boot of the kernel; "" where that is not known.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// address is what others reach the agent at, given where it listens.
func (o *Options) address(ln net.Listener) (ip string, port int, err error) {
	host, portText, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(portText); err != nil {
		return "", 0, err
	}
	if o.AdvertiseIP != "" {
		return o.AdvertiseIP, port, nil
	}
	if parsed := net.ParseIP(host); parsed != nil && !parsed.IsUnspecified() {
		return host, port, nil
	}
	ip, err = o.outboundIP()
	return ip, port, err
}

// outboundIP is the address of this machine on the way to the allocator. Nothing
// is sent to find it.
func (o *Options) outboundIP() (string, error) {
	u, err := url.Parse(o.Allocator)
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	c, err := net.Dial("udp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return "", fmt.Errorf("find the address to advertise (set it to skip this): %w", err)
	}
	defer c.Close()
	ip, _, err := net.SplitHostPort(c.LocalAddr().String())
	return ip, err
}
