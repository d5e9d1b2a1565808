package runner

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/isolation"
	"github.com/caprock/caprock/isolation/launch"
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
	// Profile names the seccomp profile of containers that name none: a file in
	// ProfileDir, or DefaultProfile; "" is that too.
	Profile string
	// ProfileDir holds profiles that containers may name; "" for none.
	ProfileDir string
	// NewPrivs lets set-user-ID programs and file capabilities have their effect.
	// A seccomp profile forbids it, so it needs Unconfined.
	NewPrivs bool
}

// String reads "effective KILL, bounding CHOWN+KILL, unconfined, new privileges";
// "default" if nothing is set.
func (r *Rights) String() string {
	var parts []string
	if r.Effective != nil {
		parts = append(parts, "effective "+capabilityText(*r.Effective))
	}
	if r.Bounding != nil {
		parts = append(parts, "bounding "+capabilityText(*r.Bounding))
	}
	if r.Profile != "" && r.Profile != DefaultProfile {
		parts = append(parts, "profile "+r.Profile)
	}
	if r.Unconfined {
		parts = append(parts, "unconfined")
	}
	if r.NewPrivs {
		parts = append(parts, "new privileges")
	}
	if len(parts) == 0 {
		return "default"
	}
	return strings.Join(parts, ", ")
}

// Validate reports what contradicts itself.
func (r *Rights) Validate() error {
	if r.NewPrivs && !r.Unconfined {
		return errors.New("new privileges are allowed under the default seccomp profile, which the kernel forbids; want seccomp_profile_name unconfined")
	}
	if r.Unconfined && r.Profile != "" {
		return fmt.Errorf("seccomp_profile_name: got %q for processes without a profile", r.Profile)
	}
	if r.Effective != nil && r.Bounding != nil && *r.Effective&^*r.Bounding != 0 {
		return fmt.Errorf("effective capabilities %s are not in the bounding set", capabilityText(*r.Effective&^*r.Bounding))
	}
	return nil
}

// confined starts processes with the rights of an agent's options, and what their
// containers ask for within those.
type confined struct {
	Kernel
	rights Rights
	spaces Spaces
	reach  reach
	own    uint64 // what the agent itself has; nobody can hand out more
	// profiles are the seccomp profiles that there are.
	profiles *profiles
}

func confine(k Kernel, o *KernelOptions, r reach) (*confined, error) {
	own, err := launch.OwnCapabilities()
	if err != nil {
		return nil, err
	}
	profiles, err := openProfiles(&o.Rights, o.Logger)
	if err != nil {
		return nil, err
	}
	return &confined{Kernel: k, rights: o.Rights, spaces: o.Spaces, reach: r, own: own, profiles: profiles}, nil
}

func (c *confined) Start(id string, limits core.Limits, p Program) (*isolation.Process, error) {
	if err := c.restrict(&p); err != nil {
		return nil, err
	}
	if err := c.separate(&p); err != nil {
		return nil, err
	}
	return c.Kernel.Start(id, limits, p)
}

// Join gives a further process the rights of the first.
func (c *confined) Join(id string, p Program) (*isolation.Process, error) {
	if err := c.restrict(&p); err != nil {
		return nil, err
	}
	return c.Kernel.Join(id, p)
}

// restrict says in p what it may do.
func (c *confined) restrict(p *Program) error {
	linux := p.Container.GetLinuxInfo()
	p.NoNewPrivs = !c.rights.NewPrivs
	var err error
	if p.Capabilities, err = c.capabilities(linux, p.User == nil || p.User.UID == 0); err != nil {
		return err
	}
	bounding := c.own
	if p.Capabilities != nil {
		bounding = p.Capabilities.Bounding
	}
	if p.Seccomp, err = c.profiles.filter(&c.rights, linux.GetSeccomp(), bounding); err != nil {
		return err
	}
	p.Rlimits, err = rlimitsOf(p.Container.GetRlimitInfo())
	return err
}

// capabilities of a process; nil where the agent may not change any.
func (c *confined) capabilities(linux *mesos.LinuxInfo, root bool) (*isolation.Capabilities, error) {
	effective, bounding, named, err := c.rights.merge(linux, root)
	if err != nil {
		return nil, err
	}
	if c.own&(1<<unix.CAP_SETPCAP) == 0 {
		return nil, nil
	}
	caps := &isolation.Capabilities{Bounding: bounding & c.own}
	switch {
	case root:
		caps.Effective = effective & c.own
	case named:
		caps.Effective = effective & c.own
		caps.Ambient = caps.Effective
	}
	return caps, nil
}

// plainCapabilities are what a container of a user other than root may ask for
// unless the agent's options say more: it lets servers listen, and leads nowhere.
const plainCapabilities = 1 << unix.CAP_NET_BIND_SERVICE

// merge puts what a container asks for together with the agent's options, by Mesos'
// rules: the container's effective set goes before the agent's, its bounding set must
// be within what the agent allows, and the effective set within the bounding set.
// Where no option names what is allowed, it is the default for root. named says that
// somebody named the effective set.
func (r *Rights) merge(linux *mesos.LinuxInfo, root bool) (effective, bounding uint64, named bool, err error) {
	//lint:ignore SA1019 old frameworks send it
	old := linux.GetCapabilityInfo()
	if old != nil && linux.EffectiveCapabilities != nil {
		return 0, 0, false, errors.New("got capability_info and effective_capabilities, want one of them")
	}
	allowed := isolation.DefaultCapabilities
	switch {
	case r.Bounding != nil:
		allowed = *r.Bounding
	case r.Effective != nil:
		allowed = *r.Effective
	case !root && (old != nil || linux.GetEffectiveCapabilities() != nil):
		allowed = plainCapabilities
	}
	bounding, effective, named = allowed, allowed, r.Effective != nil
	if named {
		effective = *r.Effective
	}
	asked := linux.GetEffectiveCapabilities()
	if asked == nil {
		asked = old
	}
	if info := linux.GetBoundingCapabilities(); info != nil {
		if bounding, err = CapabilityMask(info); err != nil {
			return 0, 0, false, err
		}
		if bounding&^allowed != 0 {
			return 0, 0, false, fmt.Errorf("bounding capabilities: got %s, want some of %s", capabilityText(bounding), capabilityText(allowed))
		}
		if !named {
			effective = bounding
		}
	}
	if asked != nil {
		if effective, err = CapabilityMask(asked); err != nil {
			return 0, 0, false, err
		}
		if linux.GetBoundingCapabilities() == nil && r.Bounding == nil && effective&^allowed == 0 {
			bounding = effective
		}
		named = true
	}
	if effective&^bounding != 0 {
		return 0, 0, false, fmt.Errorf("effective capabilities: got %s, want some of %s", capabilityText(effective), capabilityText(bounding))
	}
	return effective, bounding, named, nil
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
