package core

import (
	"strings"
	"testing"

	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

// Amounts without a resource's name are refused wherever a map may hold them.
func TestAmountsNeedNames(t *testing.T) {
	filters := func(name string) string {
		return `"framework_info":{"user":"u","name":"n","id":{"value":"f"},"offer_filters":{"r":{"min_allocatable_resources":{"quantities":[{"quantities":{"` +
			name + `":{"value":1}}}]}}}}`
	}
	for text, call := range map[string]func(name string) *CallError{
		"subscribe": func(name string) *CallError {
			return schedulerFault(t, `{"type":"SUBSCRIBE","framework_id":{"value":"f"},"subscribe":{`+filters(name)+`}}`)
		},
		"update_framework": func(name string) *CallError {
			return schedulerFault(t, `{"type":"UPDATE_FRAMEWORK","framework_id":{"value":"f"},"update_framework":{`+filters(name)+`}}`)
		},
		"guarantees": func(name string) *CallError {
			return operatorFault(t, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r","guarantees":{"`+name+`":{"value":1}}}]}}`)
		},
		"limits": func(name string) *CallError {
			return operatorFault(t, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"r","limits":{"`+name+`":{"value":1}}}]}}`)
		},
	} {
		if err := call("cpus"); err != nil {
			t.Errorf("%s of cpus: %v", text, err)
		}
		if err := call(""); err == nil || err.Status != 400 || !strings.Contains(err.Text, "without a name") {
			t.Errorf("%s of nothing: %v, want a 400", text, err)
		}
	}
}

func schedulerFault(t *testing.T, text string) *CallError {
	t.Helper()
	var call scheduler.Call
	if err := decodeJSON(text, &call); err != nil {
		t.Fatal(err)
	}
	return ValidateSchedulerCall(&call, "", "")
}

func operatorFault(t *testing.T, text string) *CallError {
	t.Helper()
	var call master.Call
	if err := decodeJSON(text, &call); err != nil {
		t.Fatal(err)
	}
	return ValidateOperatorCall(&call)
}
