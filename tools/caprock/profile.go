package main

import (
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profileFlag gives a service a hidden flag that writes a CPU profile of its whole
// life; the load harness uses it. What the service is stopped with decides
// whether the file is complete: SIGTERM, not SIGKILL.
func profileFlag(cmd *cobra.Command) {
	var file string
	cmd.Flags().StringVar(&file, "cpuprofile", "", "write a CPU profile to this `file`")
	if err := cmd.Flags().MarkHidden("cpuprofile"); err != nil {
		panic("BUG: " + err.Error())
	}
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if file == "" {
			return run(cmd, args)
		}
		f, err := os.Create(file)
		if err != nil {
			return fmt.Errorf("--cpuprofile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("--cpuprofile: %w", err)
		}
		defer pprof.StopCPUProfile()
		return run(cmd, args)
	}
}
