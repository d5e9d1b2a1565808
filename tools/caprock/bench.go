package main

import "github.com/spf13/cobra"

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure and check the allocator",
		Args:  cobra.NoArgs,
	}
	return cmd
}
