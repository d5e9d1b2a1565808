package fetch

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caprock/caprock/agent/sandbox"
)

// maxComplaint bounds what is kept of a program's standard error.
const maxComplaint = 4 << 10

func (o *Options) pluginNames() string {
	if len(o.Plugins) == 0 {
		return " (or a plugin)"
	}
	return ", " + strings.Join(slices.Sorted(maps.Keys(o.Plugins)), ", ")
}

// HadoopPlugins are the commands that fetch with the hadoop client, for the schemes
// that Mesos leaves to it. home is where hadoop is installed; "" finds it in PATH.
func HadoopPlugins(home string) map[string][]string {
	program := "hadoop"
	if home != "" {
		program = strings.TrimSuffix(home, "/") + "/bin/hadoop"
	}
	plugins := map[string][]string{}
	for _, scheme := range [...]string{"hdfs", "hftp", "s3", "s3a", "s3n"} {
		plugins[scheme] = []string{program, "fs", "-cat"}
	}
	return plugins
}

// runPlugin runs the program of a scheme; what it prints is the file. Its failure
// is the reader's error at the end.
func runPlugin(ctx context.Context, command []string, uri string, owner sandbox.Owner, stall time.Duration) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), uri)...)
	// A group of its own, so that helpers of the program end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Dir = "/"
	if owner.Other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.UID, Gid: owner.GID, Groups: owner.Groups}
	}
	p := &plugin{cmd: cmd}
	cmd.Stderr = &p.complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("run %s: %w", command[0], err)
	}
	p.out = out
	return newStallReader(ctx, cancel, p, stall), nil
}

// plugin reads what a program prints, and its exit status after that.
type plugin struct {
	cmd       *exec.Cmd
	out       io.ReadCloser
	complaint tail
	waited    bool
}

func (p *plugin) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err == io.EOF && !p.waited {
		p.waited = true
		if failed := p.cmd.Wait(); failed != nil {
			return n, fmt.Errorf("%s: %w: %s", p.cmd.Path, failed, strings.TrimSpace(p.complaint.text))
		}
	}
	return n, err
}

// Close ends the program if it still runs.
func (p *plugin) Close() error {
	if p.waited {
		return nil
	}
	p.waited = true
	_ = p.cmd.Cancel()
	_ = p.cmd.Wait()
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ text string }

func (t *tail) Write(b []byte) (int, error) {
	t.text += string(b)
	if over := len(t.text) - maxComplaint; over > 0 {
		t.text = t.text[over:]
	}
	return len(b), nil
}
