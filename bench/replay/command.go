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
			if scope != "role" && scope != "subtree" {
				return fmt.Errorf("--quota-scope: got %q, want role or subtree", scope)
			}
			configure := func(o *cycle.Options) {
				o.Shards = shards
				if scope == "subtree" {
					o.QuotaScope = cycle.Subtree
				}
			}
			same, different, err := Dir(cmd.OutOrStdout(), args[0], configure)
			switch {
			case err != nil:
				return err
			case same+different == 0:
				return fmt.Errorf("got no .txt file below %s, want recorded histories", args[0])
			case different > 0:
				return fmt.Errorf("%d of %d histories are decided differently", different, same+different)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&shards, "shards", 0, "shards of the agent tables; 0: the default")
	cmd.Flags().StringVar(&scope, "quota_scope", "role", "role, as Mesos, or subtree")
	return cmd
}

// Dir replays every .txt file below a directory, or the one file, in the order of
// their paths, and prints the first difference of each. A file that cannot be read
// as a history counts as different, and the others are still replayed.
func Dir(w io.Writer, dir string, configure func(*cycle.Options)) (same, different int, err error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return 0, 0, err
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path != root && !strings.HasSuffix(path, ".txt") {
			return err
		}
		d, err := file(path, configure)
		switch {
		case err != nil:
			different++
			_, err = fmt.Fprintf(w, "%s: %v\n", path, err)
		case d != nil:
			different++
			_, err = fmt.Fprintf(w, "%s: %v", path, d)
		default:
			same++
		}
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
