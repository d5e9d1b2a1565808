package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/flags"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once, whatever the first one waits for.
	context.AfterFunc(ctx, stop)
	err := root().ExecuteContext(ctx)
	if err == nil {
		return
	}
	var status exitStatus
	if errors.As(err, &status) {
		os.Exit(int(status))
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "caprock: interrupted")
		os.Exit(interruptedStatus)
	}
	fmt.Fprintln(os.Stderr, "caprock:", err)
	os.Exit(1)
}

// interruptedStatus is what a shell reports for a program that SIGINT ended.
const interruptedStatus = 130

// exitStatus ends the program with that status and without a message; the
// command has said what there was to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func root() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "caprock",
		Short: "A cluster manager that speaks the Mesos v1 HTTP APIs",
		Long: `Caprock is a cluster manager that speaks the Mesos v1 HTTP APIs.

Start a cluster on this machine and run a task on it:

  caprock dev
  caprock run -- sh -c 'echo hi'

Every flag can also be given as an environment variable, CAPROCK_<FLAG> with
underscores, or in a TOML file named with --config: at its top level, or in a table
with the command's name. The command line wins over the environment, the environment
over the file. Mesos' spellings (--work_dir, --no-switch_user, 15secs) are understood.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.Resolve(cmd.Flags(), cmd.Name(), config, os.LookupEnv); err != nil {
				return err
			}
			return completeAllocator(cmd.Flags())
		},
	}
	cmd.SetGlobalNormalizationFunc(flags.Normalize)
	cmd.PersistentFlags().StringVar(&config, "config", "", "TOML file with flags")
	cmd.AddCommand(allocCommand(), agentCommand(), devCommand(), runCommand(), versionCommand(), benchCommand(), explainCommand(),
		logsCommand(), filesCommand(), execCommand(), attachCommand())
	for _, sub := range cmd.Commands() {
		flags.AddNegations(sub.Flags())
	}
	cmd.SetFlagErrorFunc(explainFlagError)
	askFor(cmd)
	return cmd
}
