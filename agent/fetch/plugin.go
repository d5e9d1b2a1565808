package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/isolation/seccomp"
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
// is the reader's error at the end. It has the rights of a task, and the agent's
// environment.
func runPlugin(ctx context.Context, command []string, uri string, owner sandbox.Owner, stall time.Duration) (io.ReadCloser, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", command[0], err)
	}
	spec := launch.Spec{Path: path, Args: append(slices.Clone(command), uri), Env: os.Environ(), Setsid: true, NoNewPrivs: true, Seccomp: seccomp.Default()}
	if owner.Other {
		spec.User = &launch.User{UID: owner.UID, GID: owner.GID, Groups: owner.Groups}
	}
	own, err := launch.OwnCapabilities()
	if err != nil {
		return nil, err
	}
	if own&(1<<unix.CAP_SETPCAP) != 0 {
		spec.Capabilities = &launch.Capabilities{Bounding: launch.DefaultCapabilities & own}
		if !owner.Other {
			spec.Capabilities.Effective = spec.Capabilities.Bounding
		}
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	complaints, stderr, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: %w", path, err), out.Close(), stdout.Close())
	}
	spec.Stdout, spec.Stderr = stdout, stderr
	process, err := launch.Start(&spec, launch.Groups{})
	stdout.Close()
	stderr.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: %w", path, err), out.Close(), complaints.Close())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	p := &plugin{path: path, process: process, out: out, complaints: complaints, heard: make(chan struct{})}
	go func() {
		defer close(p.heard)
		// It ends with the last helper that has it open, or with Close.
		_, _ = io.Copy(&p.complaint, complaints)
	}()
	p.unwatch = context.AfterFunc(ctx, p.kill)
	return newStallReader(ctx, cancel, p, stall), nil
}

// plugin reads what a program prints, and its exit status after that.
type plugin struct {
	path            string
	process         *launch.Process
	out, complaints *os.File
	complaint       tail
	heard           chan struct{} // closed when complaint is complete
	unwatch         func() bool
	ended           bool
}

// kill ends the program and helpers that it has not sent away. A pid is not given to
// another before the process was waited for, which Exited does.
func (p *plugin) kill() {
	if p.process.Signal(syscall.SIGKILL) == nil {
		_ = syscall.Kill(-p.process.Pid(), syscall.SIGKILL)
	}
}

func (p *plugin) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err == io.EOF && !p.ended {
		if st := p.end(); st.WaitStatus != 0 {
			return n, fmt.Errorf("%s: %s: %s", p.path, st, strings.TrimSpace(p.complaint.text))
		}
	}
	return n, err
}

// end waits for the program and lets go of it. Helpers that outlive it are not heard out
// for long.
func (p *plugin) end() launch.ExitStatus {
	p.ended = true
	st := <-p.process.Exited()
	p.unwatch()
	_ = p.complaints.SetReadDeadline(time.Now().Add(lastWords))
	<-p.heard
	p.complaints.Close()
	p.out.Close()
	return st
}

// lastWords is how long helpers of a program may complain after its end.
const lastWords = time.Second

// Close ends the program if it still runs.
func (p *plugin) Close() error {
	if !p.ended {
		p.kill()
		p.end()
	}
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
