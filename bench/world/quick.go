package world

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Quick adds --quick to a command whose flags are all there, which gives those named here, as
// name=value, smaller values where they were not given. A name that is no flag, or a value
// that the flag refuses, is this program's fault.
func Quick(cmd *cobra.Command, smaller ...string) {
	var quick bool
	f := cmd.Flags()
	f.BoolVar(&quick, "quick", false, "a small, short run: --"+strings.Join(smaller, " --")+", where they are not given")
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, s := range smaller {
			name, value, _ := strings.Cut(s, "=")
			if !quick || f.Changed(name) {
				continue
			}
			if err := f.Set(name, value); err != nil {
				panic(fmt.Sprintf("BUG: --quick of %s: %v", cmd.CommandPath(), err))
			}
		}
		if before == nil {
			return nil
		}
		return before(cmd, args)
	}
}
