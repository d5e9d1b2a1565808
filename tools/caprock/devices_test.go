package main

import (
	"strings"
	"testing"
)

func TestAllowedDevices(t *testing.T) {
	rules, err := parseDevices(`{"allowed_devices": [{"device": {"path": "/dev/null"}, "access": {"read": true, "write": true}}, {"device": {"path": "/dev/zero"}, "access": {"mknod": true}}]}`)
	if err != nil || len(rules) != 2 || rules[0].String() != "c 1:3 rw" || rules[1].String() != "c 1:5 m" {
		t.Errorf("got %v, %v", rules, err)
	}
	if rules, err := parseDevices(""); rules != nil || err != nil {
		t.Errorf("got %v, %v; want none", rules, err)
	}
	for text, want := range map[string]string{
		`[]`: "want a JSON object", `{"devices": []}`: "unknown field",
		`{"allowed_devices": [{"device": {"path": "/etc/passwd"}, "access": {"read": true}}]}`: "is no device",
		`{"allowed_devices": [{"device": {"path": "/dev/null"}, "access": {}}]}`:               "no kind of access",
	} {
		if _, err := parseDevices(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
