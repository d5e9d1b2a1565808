package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/shell"
)

func execCommand() *cobra.Command {
	var t taskFlags
	var o shell.Options
	cmd := &cobra.Command{
		Use:   "exec [flags] TASK -- COMMAND [ARG...]",
		Short: "Run a command beside a running task, such as a shell",
		Long: `Run a command beside a running task: in its sandbox, with its environment and user, within
its limits. Ends with the command's exit status (128 + N if signal N ended it). TASK is the
id of a running task or the beginning of it, if no other begins so.

The command ends when this program does. The allocator passes all of it on, so the task's
agent need not be reachable from here.`,
		Example: `  caprock exec web.17 -- ls -l
  caprock exec -it web -- /bin/sh`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("want a task and a command, such as: caprock exec web.17 -- ls")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Allocator, o.Framework = t.allocator, t.framework
			o.Task, o.Command = args[0], args[1:]
			if o.Command[0] == "--" {
				o.Command = o.Command[1:]
			}
			if len(o.Command) == 0 {
				return errors.New("got no command after --")
			}
			o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
			status, err := shell.Exec(cmd.Context(), o)
			return ended(status, t.explain(err))
		},
	}
	f := cmd.Flags()
	t.flags(f)
	f.StringVar(&o.User, "user", "", "user the command runs as (default: the task's)")
	f.BoolVarP(&o.Interactive, "interactive", "i", false, "pass standard input on")
	f.BoolVarP(&o.TTY, "tty", "t", false, "give the command a terminal")
	// What follows the task belongs to the command.
	f.SetInterspersed(false)
	return cmd
}

func attachCommand() *cobra.Command {
	var t taskFlags
	var o shell.Options
	cmd := &cobra.Command{
		Use:   "attach [flags] TASK",
		Short: "Connect to a task that runs on a terminal",
		Long: `Connect to a task that runs on a terminal (tty_info in its ContainerInfo): what it prints
from now on is shown, and what is typed goes to it. Ctrl-P Ctrl-Q leaves it running; if it ends,
so does this program, with its exit status. TASK is the id of a running task or the beginning
of it, if no other begins so. The task's agent need not be reachable from here.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Allocator, o.Framework = t.allocator, t.framework
			o.Task, o.Stdin, o.Stdout, o.Stderr = args[0], os.Stdin, os.Stdout, os.Stderr
			status, err := shell.Attach(cmd.Context(), o)
			return ended(status, t.explain(err))
		},
	}
	t.flags(cmd.Flags())
	return cmd
}

// ended makes a status other than 0 that of the program.
func ended(status int, err error) error {
	if err == nil && status != 0 {
		return exitStatus(status)
	}
	return err
}
