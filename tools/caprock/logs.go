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
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// taskFlags name a task at an allocator.
type taskFlags struct{ allocator, framework string }

func (t *taskFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&t.allocator, "allocator", "http://127.0.0.1:5050", "`URL` of the allocator, or its host:port")
	f.StringVar(&t.framework, "framework", "", "`ID` of the task's framework, if several have a task of that id")
}

// refusedError is an answer that is not 200.
type refusedError struct {
	allocator string
	status    int
	text      []byte
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s answers %d: %s", e.allocator, e.status, e.text)
}

// get asks for files of a task. The answer's body is the caller's to close.
func (t *taskFlags) get(ctx context.Context, path, task string, more url.Values) (*http.Response, error) {
	more.Set("task_id", task)
	if t.framework != "" {
		more.Set("framework_id", t.framework)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.allocator+path+"?"+more.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("--allocator: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, unanswered(t.allocator, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		if text = bytes.TrimSpace(text); len(text) == 0 {
			text = []byte("no such file")
		}
		return nil, &refusedError{t.allocator, resp.StatusCode, text}
	}
	return resp, nil
}

// unanswered is the error of a question that no allocator answered.
func unanswered(allocator string, err error) error {
	if bad, ok := errors.AsType[*url.Error](err); ok {
		err = bad.Err // which need not name the URL a second time
	}
	return fmt.Errorf("asking the allocator at %s: %w; --allocator names another, `caprock dev` starts one", allocator, err)
}

// explain says of an error that the allocator could not be asked.
func (t *taskFlags) explain(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok && !errors.Is(err, context.Canceled) {
		return unanswered(t.allocator, err)
	}
	return err
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
			err := t.copyFile(cmd, args[0], q, follow)
			if errors.Is(err, context.Canceled) {
				return nil // interrupted by who had read enough
			}
			return err
		},
	}
	f := cmd.Flags()
	t.flags(f)
	f.BoolVarP(&follow, "follow", "f", false, "go on until the task is over, through restarts of its agent")
	f.BoolVar(&stderr, "stderr", false, "show stderr instead of stdout")
	f.Int64Var(&tail, "tail", 0, "begin that many `bytes` before the end (default: at the beginning)")
	f.StringVar(&file, "file", "stdout", "`path` of another file in the sandbox")
	cmd.MarkFlagsMutuallyExclusive("stderr", "file")
	return cmd
}

const (
	// followAgain is how long a follower waits before it asks again, and followFor how
	// long it tries: agents and the allocator are restarted in less.
	followAgain = time.Second
	followFor   = 2 * time.Minute
)

// copyFile prints a file. One that is followed goes on where it was when the agent or the
// allocator was restarted.
func (t *taskFlags) copyFile(cmd *cobra.Command, task string, q url.Values, follow bool) error {
	ctx := cmd.Context()
	begun, last := false, time.Now()
	for {
		resp, err := t.get(ctx, "/tasks/file", task, q)
		if err == nil {
			begun = true
			var n int64
			n, err = io.Copy(cmd.OutOrStdout(), resp.Body)
			resp.Body.Close()
			at, told := strconv.ParseInt(resp.Header.Get("Caprock-Offset"), 10, 64)
			q.Set("offset", strconv.FormatInt(at+n, 10))
			if told != nil {
				return err
			}
			if n > 0 {
				last = time.Now()
			}
		}
		if err == nil || !follow || !begun || ctx.Err() != nil || !passing(err) || time.Since(last) > followFor {
			return err
		}
		select {
		case <-time.After(followAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// passing reports whether an error may be gone in a while: a connection that broke, an
// agent or allocator that is being restarted. A task that nobody knows stays unknown.
func passing(err error) bool {
	refused, ok := errors.AsType[*refusedError](err)
	return !ok || refused.status >= http.StatusBadGateway
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
			resp, err := t.get(cmd.Context(), "/tasks/files", args[0], q)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			var files []struct {
				Mode, UID, GID, Path string
				Size                 int64
				MTime                float64
			}
			if err := json.NewDecoder(resp.Body).Decode(&files); err != nil {
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
