package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/wire/build"
)

// Version of Caprock.
const Version = "0.1.0"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "caprock %s (commit %s, %s), speaks the v1 APIs of Mesos %s\n",
				Version, commit(), runtime.Version(), build.MesosVersion)
		},
	}
}

// commit is the revision this program was built from, as people write it.
func commit() string {
	sha, changes, changed := strings.Cut(build.Revision(), "+")
	if sha == "" {
		return "unknown"
	}
	sha = sha[:min(12, len(sha))]
	if changed {
		sha += "+" + changes
	}
	return sha
}
