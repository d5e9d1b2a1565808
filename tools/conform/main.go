package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/conform/features"
	"github.com/caprock/caprock/tools/conform/replay"
)

// golden holds the transcripts of a real Mesos, see testdata/README.md.
//
//go:embed testdata/golden.tar.zst
var golden []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "conform",
		Short:         "Run software written for Mesos against Caprock",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(clientsCommand(), replay.Command(golden), features.Command())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
		os.Exit(1)
	}
}
