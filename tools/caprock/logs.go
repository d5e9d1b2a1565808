package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// taskFlags name a task at an allocator.
type taskFlags struct{ allocator, framework string }

func (t *taskFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&t.allocator, "allocator", "http://127.0.0.1:5050", "`URL` of the allocator")
	f.StringVar(&t.framework, "framework", "", "`ID` of the task's framework, if several have a task of that id")
}

// get asks for files of a task. The answer's body is the caller's to close.
func (t *taskFlags) get(ctx context.Context, path, task string, more url.Values) (io.ReadCloser, error) {
	more.Set("task_id", task)
	if t.framework != "" {
		more.Set("framework_id", t.framework)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.allocator, "/")+path+"?"+more.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("--allocator: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", t.allocator, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		if text = bytes.TrimSpace(text); len(text) == 0 {
			text = []byte("no such file")
		}
		return nil, fmt.Errorf("%s answers %d: %s", t.allocator, resp.StatusCode, text)
	}
	return resp.Body, nil
}

func logsCommand() *cobra.Command {
	var t taskFlags
	var follow, stderr bool
	var tail int64
	var file string
	cmd := &cobra.Command{
		Use:   "logs TASK",
		Short: "Show what a task prints or printed",
		Long: `Show what a task prints or, until its sandbox is collected, what it printed. The beginning
of the task's id is enough if no other task's begins so. The allocator passes the question
on, so the agents need not be reachable from here.`,
		Example: `  caprock logs -f web.3
  caprock logs --stderr --tail 4096 web.3
  caprock logs --file logs/access.log web.3`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tail < 0 {
				return fmt.Errorf("--tail: got %d, want a number of bytes", tail)
			}
			if stderr {
				file = "stderr"
			}
			q := url.Values{"path": {file}}
			if follow {
				q.Set("follow", "true")
			}
			if cmd.Flags().Changed("tail") {
				q.Set("offset", strconv.FormatInt(-tail, 10))
				if tail == 0 {
					q.Set("offset", strconv.FormatInt(1<<62, 10)) // only what comes from now on
				}
			}
			body, err := t.get(cmd.Context(), "/tasks/file", args[0], q)
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.Copy(cmd.OutOrStdout(), body)
			if errors.Is(err, context.Canceled) {
				return nil // interrupted by who had read enough
			}
			return err
		},
	}
	f := cmd.Flags()
	t.flags(f)
	f.BoolVarP(&follow, "follow", "f", false, "go on until the task is over")
	f.BoolVar(&stderr, "stderr", false, "show stderr instead of stdout")
	f.Int64Var(&tail, "tail", 0, "begin that many `bytes` before the end (default: at the beginning)")
	f.StringVar(&file, "file", "stdout", "`path` of another file in the sandbox")
	cmd.MarkFlagsMutuallyExclusive("stderr", "file")
	return cmd
}

func filesCommand() *cobra.Command {
	var t taskFlags
	cmd := &cobra.Command{
		Use:   "files TASK [PATH]",
		Short: "List the files in a task's sandbox",
		Long: `List the files in a task's sandbox, or in a directory of it. caprock logs --file shows one.
The beginning of the task's id is enough if no other task's begins so.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if len(args) > 1 {
				q.Set("path", args[1])
			}
			body, err := t.get(cmd.Context(), "/tasks/files", args[0], q)
			if err != nil {
				return err
			}
			defer body.Close()
			var files []struct {
				Mode, UID, GID, Path string
				Size                 int64
				MTime                float64
			}
			if err := json.NewDecoder(body).Decode(&files); err != nil {
				return fmt.Errorf("%s answers no list of files: %w", t.allocator, err)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, f := range files {
				changed := time.Unix(int64(f.MTime), 0).Format(time.DateTime)
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", f.Mode, f.UID, f.GID, f.Size, changed, f.Path)
			}
			return w.Flush()
		},
	}
	t.flags(cmd.Flags())
	return cmd
}
