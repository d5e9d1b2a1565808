package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/recordio"
)

// clientCase is one foreign client and what it must achieve.
type clientCase struct {
	name string
	run  func(context.Context, *bench) error
}

var cases = []clientCase{
	{"msh: a command task", msh()},
	{"msh: a pod", msh("-pod")},
	{"msh: a shell on a terminal", mshInteractive()},
	{"msh: a shell on a terminal, in a pod", mshInteractive("-pod")},
	{"example-scheduler and example-executor: protobuf", exampleScheduler("protobuf")},
	{"example-scheduler and example-executor: json", exampleScheduler("json")},
	{"example-executor through restarts of its agent: protobuf", executorThroughRestarts("protobuf")},
	{"example-executor through restarts of its agent: json", executorThroughRestarts("json")},
	{"mwatch: the operator event stream", mwatch},
	{"operator: reservations, volumes, quota, weights, maintenance: protobuf", operator("protobuf")},
	{"operator: reservations, volumes, quota, weights, maintenance: json", operator("json")},
	{"volume: a persistent volume and operation feedback: protobuf", volume("protobuf")},
	{"volume: a persistent volume and operation feedback: json", volume("json")},
	{"npm mesos-framework", npmFramework},
}

// msh runs one command on the cluster and exits with its status; a second run
// must hand a failure through.
func msh(flags ...string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		marker := filepath.Join(b.dir, "msh"+strings.Join(flags, ""))
		args := append([]string{"-master", b.hostPort()}, flags...)
		out, err := b.client(ctx, "msh", append(args, "--", "/usr/bin/touch", marker)...)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		if !strings.Contains(out, "TASK_FINISHED") {
			return fmt.Errorf("msh never saw TASK_FINISHED:\n%s", out)
		}
		if _, err := os.Stat(marker); err != nil {
			return fmt.Errorf("the command did not run: %w", err)
		}
		return nil
	}
}

// exampleScheduler runs tasks on a custom HTTP executor. Its exit status is 1 by
// design when it is done; what it prints tells.
func exampleScheduler(codec string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		out, _ := b.client(ctx, "example-scheduler",
			"-url", b.cluster.URL()+"/api/v1/scheduler", "-codec", codec, "-name", "example-"+codec,
			"-server.address", "127.0.0.1", "-metrics.port", "0", "-executor", b.bin("example-executor"), "-exec.image", "",
			"-tasks", "5", "-cpu", "0.1", "-failoverTimeout", "1s")
		if !strings.Contains(out, "mission accomplished, terminating") {
			return fmt.Errorf("the scheduler did not finish its mission:\n%s", out)
		}
		return nil
	}
}

// operator is a person at mesos-go's operator API (clients/operator).
func operator(codec string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		out, err := b.client(ctx, "operator", "-url", b.cluster.URL()+"/api/v1", "-codec", codec)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
}

// volume is a framework that keeps a file on a volume (clients/volume).
func volume(codec string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		out, err := b.client(ctx, "volume", "-url", b.cluster.URL()+"/api/v1/scheduler", "-codec", codec)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
}

// mwatch must print an agent, a framework and a task come. It shows no
// SUBSCRIBED and no HEARTBEAT, so the stream's beginning is read beside it.
func mwatch(ctx context.Context, b *bench) error {
	u, err := url.Parse(b.cluster.URL())
	if err != nil {
		return err
	}
	if err := streamBegins(ctx, b.cluster.URL()); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var out lockedBuffer
	cmd := exec.CommandContext(watching, b.bin("mwatch"), "-master", u.Hostname(), "-port", u.Port())
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer stop()

	// mwatch doesn't say when it is subscribed, and the stream has no end: tasks
	// are run until it showed one; then it is listening, and an agent may come.
	for len(out.missing("FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED")) > 0 {
		if text, err := b.client(ctx, "msh", "-master", b.hostPort(), "--", "/bin/true"); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
	if err := b.cluster.AddAgent("cpus:0.1;mem:64;disk:64"); err != nil {
		return err
	}
	return out.await(ctx, "AGENT_ADDED")
}

// streamBegins reads the first two records of the operator's event stream.
func streamBegins(ctx context.Context, clusterURL string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, clusterURL+"/api/v1", strings.NewReader(`{"type":"SUBSCRIBE"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("operator SUBSCRIBE: got status %s, want 200", resp.Status)
	}
	records := recordio.NewReader(resp.Body)
	for _, want := range []master.Event_Type{master.Event_SUBSCRIBED, master.Event_HEARTBEAT} {
		record, err := records.Next()
		if err != nil {
			return fmt.Errorf("operator stream: %w", err)
		}
		var event master.Event
		if err := codec.JSON.Unmarshal(record, &event); err != nil {
			return err
		}
		if event.GetType() != want {
			return fmt.Errorf("operator stream: got %v, want %v", event.GetType(), want)
		}
	}
	return nil
}

func npmFramework(ctx context.Context, b *bench) error {
	if b.npm != nil {
		return skipError(b.npm.Error())
	}
	u, err := url.Parse(b.cluster.URL())
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "node", "driver.js", u.Hostname(), u.Port())
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (b *bench) hostPort() string { return strings.TrimPrefix(b.cluster.URL(), "http://") }

// client runs a built client and returns everything it printed.
func (b *bench) client(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.bin(name), args...)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	fmt.Fprintf(b.log, "%s", out)
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %v", name, clientPatience)
	}
	return string(out), err
}

// lockedBuffer collects the output of a process that still runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// missing lists the words that have not been printed yet.
func (l *lockedBuffer) missing(words ...string) []string {
	text := l.text()
	var not []string
	for _, w := range words {
		if !strings.Contains(text, w) {
			not = append(not, w)
		}
	}
	return not
}

// await returns when all words have been printed.
func (l *lockedBuffer) await(ctx context.Context, words ...string) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		missing := l.missing(words...)
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("never printed %v:\n%s", missing, l.text())
		case <-look.C:
		}
	}
}
