package replay

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
)

// Command returns "caprock bench replay".
func Command() *cobra.Command {
	var shards int
	var scope string
	cmd := &cobra.Command{
		Use:   "replay DIR",
		Short: "Replay recorded allocator histories and compare",
		Long: `Replay every history below DIR (or the one file) against the allocator. Prints the first
difference of each file and then how many are the same.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			configure := func(o *cycle.Options) {
				o.Shards = shards
				if scope == "subtree" {
					o.QuotaScope = cycle.Subtree
				}
			}
			_, _, err := Dir(cmd.OutOrStdout(), args[0], configure)
			return err
		},
	}
	cmd.Flags().IntVar(&shards, "shards", 0, "shards of the agent tables; 0: the default")
	cmd.Flags().StringVar(&scope, "quota_scope", "role", "role, as Mesos, or subtree")
	return cmd
}

// Dir replays every .txt file below a directory, in the order of their paths,
// and prints the first difference of each.
func Dir(w io.Writer, dir string, configure func(*cycle.Options)) (same, different int, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".txt") {
			return err
		}
		d, err := file(path, configure)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if d == nil {
			same++
			return nil
		}
		different++
		_, err = fmt.Fprintf(w, "%s: %v", path, d)
		return err
	})
	if err == nil {
		_, err = fmt.Fprintf(w, "%d same, %d different\n", same, different)
	}
	return same, different, err
}

func file(path string, configure func(*cycle.Options)) (*history.Difference, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, err := history.Parse(f)
	if err != nil {
		return nil, err
	}
	return history.Replay(h, configure), nil
}
