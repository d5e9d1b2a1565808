package replay

import (
	"strings"
	"testing"
)

const (
	masterA = "a74573bb-db6f-4a00-8e73-4329cbd1ffe4"
	masterB = "11111111-2222-4333-8444-555555555555"
)

func TestUnify(t *testing.T) {
	cases := []struct {
		name           string
		known          [2]string
		recorded, live string
		fault          string
	}{
		{"equal text", [2]string{}, "role", "role", ""},
		{"other text", [2]string{}, "role", "rolf", "want"},
		{"a new framework", [2]string{}, masterA + "-0000", masterB + "-0007", ""},
		{"the known framework", [2]string{masterA + "-0000", masterB + "-0007"}, masterA + "-0000", masterB + "-0007", ""},
		{"another framework", [2]string{masterA + "-0000", masterB + "-0007"}, masterA + "-0000", masterB + "-0008", "known as"},
		{"an agent for a framework", [2]string{}, masterA + "-0000", masterB + "-S0", "an id such as"},
		{"any offer", [2]string{masterA + "-O1", masterB + "-O1"}, masterA + "-O1", masterB + "-O9", ""},
		{"inside a text", [2]string{masterA + "-S0", masterB + "-S3"}, "agent " + masterA + "-S0 left", "agent " + masterB + "-S3 left", ""},
		{"inside another text", [2]string{}, "agent " + masterA + "-S0 left", "agent " + masterB + "-S0 right", "want"},
		{"a nested container", [2]string{}, masterA + ".n1", masterB + ".n1", ""},
		{"an id for none", [2]string{}, masterA, "here", "an id such as"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ids := newIds()
			ids.Bind(c.known[0], c.known[1])
			try := ids.try()
			err := try.unify(c.recorded, c.live)
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("got %v, want %q", err, c.fault)
			}
		})
	}
}

func TestReplaceTakesTheLongerIdFirst(t *testing.T) {
	ids := newIds()
	ids.Bind(masterA, masterB)
	ids.Bind(masterA+"-0000", "custom")
	ids.Bind("at11xLVbQt2bglCipCWUnA==", "AAAAAAAAAAAAAAAAAAAAAA==")
	got := ids.Replace(masterA + "-0000 " + masterA + "-S0 at11xLVbQt2bglCipCWUnA==")
	if want := "custom " + masterB + "-S0 AAAAAAAAAAAAAAAAAAAAAA=="; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRewriteOffers(t *testing.T) {
	one, two := masterA+"-O1", masterA+"-O2"
	call := `{"offer_ids": [{"value": "` + one + `"}, {"value": "` + two + `"}], "x": 1}`
	cases := map[string]struct {
		live []string
		want string
	}{
		"as many": {[]string{"a", "b"}, `{"offer_ids": [{"value": "a"}, {"value": "b"}], "x": 1}`},
		"more":    {[]string{"a", "b", "c"}, `{"offer_ids": [{"value": "a"}, {"value": "b"}, {"value": "c"}], "x": 1}`},
		"fewer":   {[]string{"a"}, `{"offer_ids": [{"value": "a"}], "x": 1}`},
		"none":    {nil, call},
	}
	for name, c := range cases {
		offers := map[string][]string{}
		spread(offers, []string{one, two}, c.live)
		if got := rewriteOffers(call, offers); strings.ReplaceAll(got, ", ]", "]") != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
