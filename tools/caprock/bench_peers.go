package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
)

// peersCommand runs bench/peers, which is a module of its own: this program
// depends on none of the schedulers that it is compared with.
func peersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "peers",
		Short: "Compare with kube-scheduler, YuniKorn and Nomad, from a checkout of the sources",
		Long: `Compare with kube-scheduler, YuniKorn and Nomad: the same tasks on the same nodes, side by side in one run.

The other schedulers are no part of this program. In a checkout of Caprock's sources, with Go at hand, this command
builds and runs the one that has them, and passes its flags on. That is the same as

  cd bench/peers && go run . [--quick] [--json]`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			here, err := os.Getwd()
			if err != nil {
				return err
			}
			dir := peersModule(here)
			if dir == "" && (len(args) == 1 && (args[0] == "--help" || args[0] == "-h")) {
				return cmd.Help()
			}
			if dir == "" {
				return fmt.Errorf("got %s, want a directory in a checkout of Caprock's sources: the other schedulers are a module of its own there, bench/peers", here)
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program's own path: %w", err)
			}
			return runPeers(cmd, dir, append([]string{"--caprock=" + self}, args...))
		},
	}
}

// peersModule is the directory bench/peers of the checkout that a directory is in; "" if it is in none.
func peersModule(from string) string {
	for dir := from; ; dir = filepath.Dir(dir) {
		peers := filepath.Join(dir, "bench", "peers")
		if _, err := os.Stat(filepath.Join(peers, "go.mod")); err == nil {
			return peers
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// runPeers builds the program of the module and becomes it in all but name.
func runPeers(cmd *cobra.Command, dir string, args []string) error {
	tmp, err := os.MkdirTemp("", "caprock-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	program := filepath.Join(tmp, "peers")
	fmt.Fprintln(cmd.ErrOrStderr(), "building", dir, "with the other schedulers, which takes minutes the first time")
	build := exec.CommandContext(cmd.Context(), "go", "build", "-C", dir, "-mod=mod", "-o", program, ".")
	build.Stderr = cmd.ErrOrStderr()
	if err := build.Run(); err != nil {
		return fmt.Errorf("building %s: %w", dir, err)
	}
	run := exec.CommandContext(cmd.Context(), program, args...)
	run.Stdout, run.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	err = run.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return exitStatus(ended.ExitCode())
	}
	return err
}
