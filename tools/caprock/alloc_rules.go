package main

import (
	"github.com/spf13/pflag"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/tools/flags"
)

// allocationFlags choose among the rules of the allocation cycle.
func allocationFlags(f *pflag.FlagSet, o *core.Options, forgetOffers *bool) {
	flags.ChoiceVar(f, &o.QuotaScope, "quota-scope", cycle.Subtree,
		map[string]cycle.QuotaScope{"subtree": cycle.Subtree, "role": cycle.Role},
		"what a role's quota binds: its whole subtree, or as in Mesos the role alone")
	sorters := map[string]cycle.Sorter{"drf": cycle.DRF, "random": cycle.Random}
	flags.ChoiceVar(f, &o.RoleSorter, "role-sorter", cycle.DRF, sorters, "order among roles: by dominant share or by weighted lot")
	flags.ChoiceVar(f, &o.FrameworkSorter, "framework-sorter", cycle.DRF, sorters, "order among the frameworks of a role")
	f.Float64Var(&o.OfferShareLimit, "offer-share-limit", 0,
		"largest `part` of an agent's unreserved resources that one offer takes, such as 0.25; 0: all, as in Mesos")
	f.BoolVar(forgetOffers, "forget-offers", false,
		"leave offers out of the journal, which saves writes; a restart withdraws them either way")
}
