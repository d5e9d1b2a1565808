package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/tools/devcluster"
)

// clientPatience bounds one client. A real Mesos serves each in a few seconds; a busy machine takes longer.
const clientPatience = 5 * time.Minute

func clientsCommand() *cobra.Command {
	var verbose bool
	var only string
	cmd := &cobra.Command{
		Use:   "clients",
		Short: "Run foreign frameworks and tools against a cluster started for them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newBench(cmd.Context(), verbose)
			if err != nil {
				return err
			}
			defer b.close()
			return b.runAll(cmd.Context(), cmd.OutOrStdout(), only)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show what the clients and the cluster print")
	cmd.Flags().StringVar(&only, "only", "", "run only the cases whose name contains this `text`")
	return cmd
}

// bench holds what the cases share: built programs and a running cluster.
type bench struct {
	dir     string // temporary; programs and npm packages
	cluster *devcluster.Cluster
	npm     error // why the npm client cannot run, if it cannot
	log     io.Writer
}

func newBench(ctx context.Context, verbose bool) (*bench, error) {
	dir, err := os.MkdirTemp("", "caprock-conform-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, log: io.Discard}
	if verbose {
		b.log = os.Stderr
	}
	if err := b.prepare(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// repository is the root of the checkout: conform is run from inside it.
func repository() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("run conform from inside the Caprock repository")
	}
	return filepath.Dir(mod), nil
}

func (b *bench) prepare(ctx context.Context) error {
	root, err := repository()
	if err != nil {
		return err
	}
	clients := filepath.Join(root, "tools", "conform", "clients")
	if err := b.build(ctx, root, "./tools/caprock"); err != nil {
		return err
	}
	for _, name := range []string{"msh", "mwatch", "example-scheduler", "example-executor"} {
		if err := b.build(ctx, clients, "github.com/mesos/mesos-go/api/v1/cmd/"+name); err != nil {
			return err
		}
	}
	for _, name := range []string{"operator", "volume"} {
		if err := b.build(ctx, clients, "./"+name); err != nil {
			return err
		}
	}
	b.npm = b.installNpm(ctx, filepath.Join(clients, "npm"))
	b.cluster, err = devcluster.Start(ctx, devcluster.Options{
		Binary: b.bin("caprock"), Listen: "127.0.0.1:0", Log: b.log,
	})
	if err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	return b.cluster.Ready(ready)
}

func (b *bench) bin(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) build(ctx context.Context, dir, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", b.dir+string(filepath.Separator), pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// installNpm copies the npm client and installs its packages, no scripts run.
func (b *bench) installNpm(ctx context.Context, from string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return errors.New("npm is not installed")
	}
	for _, file := range []string{"package.json", "package-lock.json", "driver.js"} {
		text, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.bin(file), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return nil
}

func (b *bench) close() {
	if b.cluster != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := b.cluster.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "conform: stopping the cluster:", err)
		}
	}
	os.RemoveAll(b.dir)
}

func (b *bench) runAll(ctx context.Context, out io.Writer, only string) error {
	passed, failed, skipped := 0, 0, 0
	for _, c := range cases {
		if !strings.Contains(c.name, only) {
			continue
		}
		started := time.Now()
		err := b.runCase(ctx, c)
		took := time.Since(started).Round(10 * time.Millisecond)
		var skip skipError
		switch {
		case errors.As(err, &skip):
			skipped++
			fmt.Fprintf(out, "SKIPPED %s: %v\n", c.name, skip)
		case err != nil:
			failed++
			fmt.Fprintf(out, "FAILED  %s (%v): %v\n", c.name, took, err)
		default:
			passed++
			fmt.Fprintf(out, "ok      %s (%v)\n", c.name, took)
		}
	}
	fmt.Fprintf(out, "conformance clients: %d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || passed == 0 {
		return fmt.Errorf("%d of %d cases failed", failed, passed+failed)
	}
	return nil
}

func (b *bench) runCase(ctx context.Context, c clientCase) error {
	ctx, cancel := context.WithTimeout(ctx, clientPatience)
	defer cancel()
	return c.run(ctx, b)
}

// skipError says why a case cannot run on this machine.
type skipError string

func (s skipError) Error() string { return string(s) }
