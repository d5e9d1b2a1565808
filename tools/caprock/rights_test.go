package main

import (
	"strings"
	"testing"
)

func TestRightsFlags(t *testing.T) {
	for _, c := range []struct {
		flags      rightsFlags
		text, want string // the rights, or the error
	}{
		{rightsFlags{profile: "default", noNewPrivs: true}, "default", ""},
		{rightsFlags{profile: "unconfined"}, "unconfined, new privileges", ""},
		{rightsFlags{profile: "default", noNewPrivs: true, effective: `{"capabilities":["KILL"]}`, bounding: `{"capabilities":["CHOWN","KILL"]}`},
			"effective KILL, bounding CHOWN+KILL", ""},
		{rightsFlags{profile: "default", noNewPrivs: true, bounding: `{}`}, "bounding none", ""},
		{rightsFlags{profile: "mine", noNewPrivs: true}, "", `got "mine"`},
		{rightsFlags{profile: "mine", profiles: "/etc", noNewPrivs: true}, "profile mine", ""},
		{rightsFlags{profile: "default"}, "", "new privileges"},
		{rightsFlags{profile: "default", noNewPrivs: true, effective: `["KILL"]`}, "", "effective_capabilities: got"},
		{rightsFlags{profile: "default", noNewPrivs: true, bounding: `{"capabilities":["FLY"]}`}, "", "bounding_capabilities"},
	} {
		r, err := c.flags.rights()
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: got %v, want an error with %q", c.flags, err, c.want)
			}
		case err != nil:
			t.Errorf("%+v: %v", c.flags, err)
		case r.String() != c.text:
			t.Errorf("%+v: got %s, want %s", c.flags, r.String(), c.text)
		}
	}
}
