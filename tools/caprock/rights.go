package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/mesos"
)

// rightsFlags say what tasks may do, under Mesos' names where it has them.
type rightsFlags struct {
	effective, bounding, profile, profiles string
	noNewPrivs                             bool
}

func (r *rightsFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&r.effective, "effective-capabilities", "", "`JSON` CapabilityInfo that every task gets (default: a container's for root, none for others)")
	f.StringVar(&r.bounding, "bounding-capabilities", "", "`JSON` CapabilityInfo that no task gets beyond (default: a container's)")
	f.StringVar(&r.profile, "seccomp-profile-name", "default", "a file in --seccomp-config-dir, default (that of the agent) or unconfined")
	f.StringVar(&r.profiles, "seccomp-config-dir", "", "`directory` of seccomp profiles, in Docker's JSON, that tasks may name")
	f.BoolVar(&r.noNewPrivs, "no-new-privs", true, "give set-user-ID programs and file capabilities no effect in tasks; false needs --seccomp-profile-name=unconfined")
}

func (r *rightsFlags) rights() (runner.Rights, error) {
	rights := runner.Rights{NewPrivs: !r.noNewPrivs, ProfileDir: r.profiles}
	switch {
	case r.profile == "unconfined":
		rights.Unconfined = true
	case r.profile != runner.DefaultProfile && r.profiles == "":
		return rights, fmt.Errorf("seccomp_profile_name: got %q, want default, unconfined, or a file in --seccomp-config-dir", r.profile)
	default:
		rights.Profile = r.profile
	}
	var err error
	if rights.Effective, err = parseCapabilities("effective_capabilities", r.effective); err != nil {
		return rights, err
	}
	if rights.Bounding, err = parseCapabilities("bounding_capabilities", r.bounding); err != nil {
		return rights, err
	}
	return rights, rights.Validate()
}

// parseCapabilities reads {"capabilities": ["CHOWN", "KILL"]}; nil if text is empty.
// A name that is unknown is a fault here, while the decoder of messages, which has to
// bear younger senders, would leave it out.
func parseCapabilities(flag, text string) (*uint64, error) {
	if text == "" {
		return nil, nil
	}
	var object struct {
		Capabilities []string `json:"capabilities"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("%s: got %q, want a JSON object like {\"capabilities\": [\"CHOWN\"]}: %w", flag, text, err)
	}
	var info mesos.CapabilityInfo
	for _, name := range object.Capabilities {
		number, ok := mesos.CapabilityInfo_Capability_value[name]
		if !ok {
			return nil, fmt.Errorf("%s: no capability is called %q", flag, name)
		}
		info.Capabilities = append(info.Capabilities, mesos.CapabilityInfo_Capability(number))
	}
	mask, err := runner.CapabilityMask(&info)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return &mask, nil
}
