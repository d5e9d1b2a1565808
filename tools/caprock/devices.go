package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caprock/caprock/isolation"
)

// parseDevices reads Mesos' --allowed_devices:
// {"allowed_devices": [{"device": {"path": "/dev/fuse"}, "access": {"read": true}}]}.
func parseDevices(text string) ([]isolation.DeviceRule, error) {
	if text == "" {
		return nil, nil
	}
	var list struct {
		Allowed []struct {
			Device struct {
				Path string `json:"path"`
			} `json:"device"`
			Access struct {
				Read  bool `json:"read"`
				Write bool `json:"write"`
				Mknod bool `json:"mknod"`
			} `json:"access"`
		} `json:"allowed_devices"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("allowed_devices: got %q, want a JSON object like {\"allowed_devices\": [{\"device\": {\"path\": \"/dev/fuse\"}, \"access\": {\"read\": true}}]}: %w", text, err)
	}
	var rules []isolation.DeviceRule
	for _, a := range list.Allowed {
		r, err := isolation.DeviceAt(a.Device.Path, a.Access.Read, a.Access.Write, a.Access.Mknod)
		if err != nil {
			return nil, fmt.Errorf("allowed_devices: %w", err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}
