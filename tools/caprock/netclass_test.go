package main

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/agent/runner"
)

func TestNetClassFlags(t *testing.T) {
	for _, c := range []struct {
		flags netClassFlags
		want  runner.NetClasses
		fault string
	}{
		{netClassFlags{}, runner.NetClasses{}, ""},
		{netClassFlags{primary: "0x12"}, runner.NetClasses{Primary: 0x12}, ""},
		{netClassFlags{"1", "0x5,0x10"}, runner.NetClasses{Primary: 1, Lowest: 5, Highest: 16}, ""},
		{netClassFlags{primary: "0"}, runner.NetClasses{}, "cgroups_net_cls_primary_handle: got"},
		{netClassFlags{primary: "0x10000"}, runner.NetClasses{}, "cgroups_net_cls_primary_handle: got"},
		{netClassFlags{"1", "0,5"}, runner.NetClasses{}, "want two numbers"},
		{netClassFlags{"1", "5"}, runner.NetClasses{}, "want two numbers"},
		{netClassFlags{"1", "6,5"}, runner.NetClasses{}, "the lower one first"},
		{netClassFlags{"", "5,6"}, runner.NetClasses{}, "without cgroups_net_cls_primary_handle"},
	} {
		got, err := c.flags.classes()
		switch {
		case c.fault != "":
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%+v: got %v, want %q", c.flags, err, c.fault)
			}
		case err != nil || got != c.want:
			t.Errorf("%+v: got %+v, %v; want %+v", c.flags, got, err, c.want)
		}
	}
}
