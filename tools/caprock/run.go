package main

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/runtask"
	"github.com/caprock/caprock/wire/resource"
)

func runCommand() *cobra.Command {
	var o runtask.Options
	var resources string
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG...]",
		Short: "Run one task on a cluster and end with its exit status",
		Long: `Run one task on a cluster, copy what it prints, and end with its exit status (128 + N if
signal N ended it). COMMAND is looked up in the agent's PATH; no shell is involved unless
it is one. Interrupting the program kills the task. A task that could not be run ends it with 1.`,
		Example: `  caprock run -- sh -c 'echo hi; exit 3'
  caprock run --resources 'cpus:2;mem:512' --uri https://example.org/tool.tar.gz -- ./tool/run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("got no command, want one after --, such as: caprock run -- echo hi")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Resources, err = resource.Parse(resources, resource.DefaultRole); err != nil {
				return fmt.Errorf("--resources: %w", err)
			}
			if err := runtask.CheckEnv(o.Env); err != nil {
				return err
			}
			if o.Name == "" {
				o.Name = path.Base(args[0])
			}
			o.Command, o.Stdout, o.Stderr = args, os.Stdout, os.Stderr
			status, err := runtask.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if status != 0 {
				return exitStatus(status)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "allocator", "http://127.0.0.1:5050", "`URL` of the allocator, or its host:port")
	f.StringVar(&o.Name, "name", "", "name of the task (default: the command's)")
	f.StringVar(&o.User, "user", runtask.CurrentUser(), "user the task runs as")
	f.StringVar(&resources, "resources", "cpus:0.1;mem:32", "what the task may use, in Mesos' `text` form")
	f.StringArrayVar(&o.Env, "env", nil, "`NAME=VALUE` in the task's environment; may be repeated")
	f.StringArrayVar(&o.URIs, "uri", nil, "`URI` to fetch into the sandbox first; may be repeated")
	// What follows the command belongs to the command.
	f.SetInterspersed(false)
	return cmd
}
