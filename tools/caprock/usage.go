package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caprock/caprock/tools/flags"
	"github.com/caprock/caprock/wire/httpc"
)

// explainFlagError adds to pflag's one-line complaint what a flag of Mesos has
// become, what was wanted, and where to look.
func explainFlagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if why := flags.ExplainUnknown(unknown.GetSpecifiedName()); why != "" {
			err = errors.New(why)
		}
	}
	return fmt.Errorf("%w; `%s --help` lists the flags", flags.ExplainValue(err), cmd.CommandPath())
}

// askFor makes cobra's check of a command's arguments say what the command wants: the words
// after its name in its usage.
func askFor(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		askFor(sub)
	}
	check := cmd.Args
	if cmd.HasSubCommands() && !cmd.Runnable() {
		check = subcommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil || !cobraSays(err) {
			return err
		}
		got := "nothing"
		if len(args) > 0 {
			got = fmt.Sprintf("%q", strings.Join(args, " "))
		}
		return fmt.Errorf("got %s after %s, want %s; `%s --help` says more", got, cmd.CommandPath(), wanted(cmd), cmd.CommandPath())
	}
}

// cobraSays tells cobra's own complaints about arguments, which do not say what is wanted, from ours.
func cobraSays(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "accepts ") || strings.HasPrefix(text, "unknown command ") || strings.HasPrefix(text, "requires ")
}

// wanted is what a command takes besides flags.
func wanted(cmd *cobra.Command) string {
	words := strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(cmd.Use, cmd.Name()), "[flags]", ""))
	if words == "" || strings.HasPrefix(words, "--") {
		return "flags only"
	}
	return words
}

// subcommand refuses what is no command of cmd, for which cobra would print the help and
// end well.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("got %q after %s, want one of %s", args[0], cmd.CommandPath(), strings.Join(names, ", "))
}

// completeAllocator makes a full URL of --allocator, of every command that has it: the
// address as `caprock alloc` takes it, host:port, is enough.
func completeAllocator(fs *pflag.FlagSet) error {
	f := fs.Lookup("allocator")
	if f == nil || f.Value.String() == "" {
		return nil
	}
	url, err := httpc.BaseURL(f.Value.String())
	if err != nil {
		return fmt.Errorf("--allocator: %w", err)
	}
	return f.Value.Set(url)
}
