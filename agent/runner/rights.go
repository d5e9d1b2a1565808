package runner

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/wire/mesos"
)

// Rights are what processes of containers may do beyond what their users may. The
// zero value is the default: the capabilities of isolation.DefaultCapabilities for
// root and none for others, no_new_privs, and the default seccomp profile.
type Rights struct {
	// Effective and Bounding are masks of 1<<unix.CAP_*, nil if not named. One that
	// is not named follows the other, as in Mesos. A named Effective is given to
	// users other than root too.
	Effective, Bounding *uint64
	// Unconfined leaves out the seccomp profile.
	Unconfined bool
	// NewPrivs lets set-user-ID programs and file capabilities have their effect.
	// A seccomp profile forbids it, so it needs Unconfined.
	NewPrivs bool
}

// Validate reports what contradicts itself.
func (r *Rights) Validate() error {
	if r.NewPrivs && !r.Unconfined {
		return errors.New("new privileges are allowed under the default seccomp profile, which the kernel forbids; want seccomp_profile_name unconfined")
	}
	if r.Effective != nil && r.Bounding != nil && *r.Effective&^*r.Bounding != 0 {
		return fmt.Errorf("effective capabilities %s are not in the bounding set", capabilityText(*r.Effective&^*r.Bounding))
	}
	return nil
}

// confined starts processes with the rights of an agent's options.
type confined struct {
	Kernel
	rights Rights
	own    uint64 // what the agent itself has; nobody can hand out more
	filter []unix.SockFilter
}

func confine(k Kernel, r Rights) (*confined, error) {
	own, err := ownCapabilities()
	if err != nil {
		return nil, err
	}
	c := &confined{Kernel: k, rights: r, own: own}
	if !r.Unconfined {
		c.filter = isolation.DefaultSeccomp()
	}
	return c, nil
}

func (c *confined) Start(id string, limits core.Limits, spec isolation.Spec) (*isolation.Process, error) {
	c.restrict(&spec)
	return c.Kernel.Start(id, limits, spec)
}

// Join gives a further process the rights of the first.
func (c *confined) Join(id string, spec isolation.Spec) (*isolation.Process, error) {
	c.restrict(&spec)
	return c.Kernel.Join(id, spec)
}

func (c *confined) restrict(spec *isolation.Spec) {
	spec.NoNewPrivs = !c.rights.NewPrivs
	spec.Seccomp = c.filter
	spec.Capabilities = c.capabilities(spec.User == nil || spec.User.UID == 0)
}

// capabilities of a process; nil where the agent may not change any.
func (c *confined) capabilities(root bool) *isolation.Capabilities {
	if c.own&(1<<unix.CAP_SETPCAP) == 0 {
		return nil
	}
	effective, bounding := isolation.DefaultCapabilities, isolation.DefaultCapabilities
	named := c.rights.Effective != nil
	switch e, b := c.rights.Effective, c.rights.Bounding; {
	case e != nil && b != nil:
		effective, bounding = *e, *b
	case e != nil:
		effective, bounding = *e, *e
	case b != nil:
		effective, bounding = *b, *b
	}
	caps := &isolation.Capabilities{Bounding: bounding & c.own}
	switch {
	case root:
		caps.Effective = effective & c.own
	case named:
		caps.Effective = effective & c.own
		caps.Ambient = caps.Effective
	}
	return caps
}

// ownCapabilities are the permitted capabilities of this process.
func ownCapabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read the agent's capabilities: %w", err)
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted), nil
}

// firstCapability is CHOWN, the kernel's capability 0, as Mesos numbers it.
const firstCapability = mesos.CapabilityInfo_CHOWN

// CapabilityMask is the kernel's mask of a Mesos CapabilityInfo.
func CapabilityMask(info *mesos.CapabilityInfo) (uint64, error) {
	var mask uint64
	for _, c := range info.GetCapabilities() {
		bit := c - firstCapability
		if bit < 0 || bit > unix.CAP_LAST_CAP {
			return 0, fmt.Errorf("capability %s is not one of Linux", c)
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// capabilityText lists the names in mask, separated by "+"; "none" if it is empty.
func capabilityText(mask uint64) string {
	var names []string
	for bit := range mesos.CapabilityInfo_Capability(64) {
		if mask&(1<<bit) != 0 {
			names = append(names, (firstCapability + bit).String())
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "+")
}

// capabilitiesOf reads what capabilityText writes.
func capabilitiesOf(text string) (uint64, error) {
	if text == "none" {
		return 0, nil
	}
	info := &mesos.CapabilityInfo{}
	for name := range strings.SplitSeq(text, "+") {
		number, ok := mesos.CapabilityInfo_Capability_value[name]
		if !ok {
			return 0, fmt.Errorf("no capability is called %q", name)
		}
		info.Capabilities = append(info.Capabilities, mesos.CapabilityInfo_Capability(number))
	}
	return CapabilityMask(info)
}
