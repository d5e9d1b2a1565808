package flags

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// mesosNames lists the flags of Mesos' master and agent, one a line, so that a
// start script which brings one that Caprock lacks gets told so, and not just
// "unknown flag".
//
//go:embed mesos.txt
var mesosNames string

// obsolete says why some flags of Mesos have no counterpart.
var obsolete = map[string]string{
	"zk":                    "Caprock needs no ZooKeeper: the allocator keeps its own journal in --work-dir",
	"zk-session-timeout":    "Caprock needs no ZooKeeper",
	"quorum":                "the allocator keeps its own journal in --work-dir",
	"registry":              "the allocator keeps its own journal in --work-dir",
	"master":                "use --allocator=http://HOST:PORT",
	"modules":               "Caprock loads no binary modules",
	"modules-dir":           "Caprock loads no binary modules",
	"hooks":                 "Caprock loads no binary modules",
	"launcher-dir":          "Caprock has no helper programs",
	"http-command-executor": "command tasks have no executor process",
}

// ExplainUnknown turns an unknown flag's name into what the user should know,
// or "" if it is no flag of Mesos either.
func ExplainUnknown(name string) string {
	name = strings.ReplaceAll(name, "_", "-")
	if why, ok := obsolete[name]; ok {
		return fmt.Sprintf("--%s of Mesos has no meaning here: %s", name, why)
	}
	known := strings.Fields(mesosNames)
	for _, candidate := range []string{name, strings.TrimPrefix(name, "no-")} {
		if slices.Contains(known, strings.ReplaceAll(candidate, "-", "_")) {
			return fmt.Sprintf("--%s is a flag of Mesos that this command does not have", name)
		}
	}
	return ""
}
