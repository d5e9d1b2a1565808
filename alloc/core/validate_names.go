package core

import (
	"fmt"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Amounts in quotas and in minimal offers are maps from a resource's name. A map
// may have an empty key where a resource may not have an empty name, so calls
// are checked for that, before the amounts become dimensions of the allocation.

func nameless(amounts map[string]*mesos.Value_Scalar) bool {
	_, ok := amounts[""]
	return ok
}

// namelessQuota is the fault of an operator's call, nil if it has none.
func namelessQuota(call *master.Call) *CallError {
	for _, q := range call.GetUpdateQuota().GetQuotaConfigs() {
		if nameless(q.GetGuarantees()) || nameless(q.GetLimits()) {
			return &CallError{Status: 400, Text: fmt.Sprintf(
				"Failed to validate master::Call: quota of role '%s': got an amount of a resource without a name, want a name", q.GetRole())}
		}
	}
	return nil
}

// namelessFilter is the fault of a scheduler's call, nil if it has none.
func namelessFilter(call *scheduler.Call) *CallError {
	for _, info := range []*mesos.FrameworkInfo{call.GetSubscribe().GetFrameworkInfo(), call.GetUpdateFramework().GetFrameworkInfo()} {
		for role, filters := range info.GetOfferFilters() {
			for _, q := range filters.GetMinAllocatableResources().GetQuantities() {
				if nameless(q.GetQuantities()) {
					return &CallError{Status: 400, Text: fmt.Sprintf(
						"Failed to validate scheduler::Call: offer_filters of role '%s': got an amount of a resource without a name, want a name", role)}
				}
			}
		}
	}
	return nil
}
