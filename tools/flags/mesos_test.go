package flags

import (
	"strings"
	"testing"
)

func TestFlagsOfMesosAreRecognized(t *testing.T) {
	for name, want := range map[string]string{
		"zk":                      "ZooKeeper",
		"zk_session_timeout":      "ZooKeeper",
		"master":                  "--allocator",
		"firewall_rules":          "does not have",
		"no-docker_kill_orphans":  "does not have",
		"authenticate-slaves":     "does not have",
		"definitely-no-such-flag": "",
	} {
		got := ExplainUnknown(name)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want something with %q", name, got, want)
		}
	}
}
