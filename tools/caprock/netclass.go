package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/agent/runner"
)

// netClassFlags are Mesos' flags for classes of network traffic.
type netClassFlags struct{ primary, secondary string }

func (n *netClassFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&n.primary, "cgroups-net-cls-primary-handle", "", "upper 16 bits, such as 0x1, of the class that --isolation=cgroups/net_cls gives each container (default: no class)")
	f.StringVar(&n.secondary, "cgroups-net-cls-secondary-handles", "", "`range` of the lower 16 bits, such as 0x1,0x100 (default: 0x1,0xffff)")
}

func (n *netClassFlags) classes() (c runner.NetClasses, err error) {
	if n.primary != "" {
		if c.Primary, err = handle(n.primary); err != nil || c.Primary == 0 {
			return c, fmt.Errorf("cgroups_net_cls_primary_handle: got %q, want a number from 0x1 to 0xffff", n.primary)
		}
	}
	if n.secondary != "" {
		low, high, ok := strings.Cut(n.secondary, ",")
		var err1, err2 error
		c.Lowest, err1 = handle(low)
		c.Highest, err2 = handle(high)
		if !ok || err1 != nil || err2 != nil || c.Lowest == 0 || c.Highest == 0 {
			return c, fmt.Errorf("cgroups_net_cls_secondary_handles: got %q, want two numbers from 0x1 to 0xffff, such as 0x1,0x100", n.secondary)
		}
	}
	return c, c.Validate()
}

func handle(text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 0, 16)
	return uint16(n), err
}
