package shell

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
)

// Options of Exec and Attach.
type Options struct {
	// Allocator is its URL.
	Allocator string
	// Framework is the id of the task's framework, "" for any.
	Framework string
	// Task is the id of a running task, or the beginning of it.
	Task string
	// Command and its arguments, for Exec.
	Command []string
	// User the command runs as; "" is the task's.
	User string
	// Interactive passes Stdin on. TTY gives the command a terminal.
	Interactive, TTY bool

	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// Exec runs a command beside a task and returns its exit status, 128 + N if signal N
// ended it.
func Exec(ctx context.Context, o Options) (status int, err error) {
	p, err := locate(ctx, &o)
	if err != nil {
		return 0, err
	}
	screen, err := openScreen(&o)
	if err != nil {
		return 0, err
	}
	defer screen.restore()
	var name [6]byte
	_, _ = rand.Read(name[:])
	id := &mesos.ContainerID{Value: new("exec-" + hex.EncodeToString(name[:])), Parent: p.container}
	launch := &agent.Call_LaunchNestedContainerSession{ContainerId: id, Command: &mesos.CommandInfo{
		Shell: new(false), Value: &o.Command[0], Arguments: o.Command,
	}}
	if o.User != "" {
		launch.Command.User = &o.User
	}
	if o.TTY {
		size := screen.size()
		launch.Container = &mesos.ContainerInfo{Type: mesos.ContainerInfo_MESOS.Enum(), TtyInfo: &mesos.TTYInfo{WindowSize: size}}
		if term := os.Getenv("TERM"); term != "" {
			launch.Command.Environment = &mesos.Environment{Variables: []*mesos.Environment_Variable{{Name: new("TERM"), Value: &term}}}
		}
	}
	out, err := p.stream(ctx, &agent.Call{Type: agent.Call_LAUNCH_NESTED_CONTAINER_SESSION.Enum(), LaunchNestedContainerSession: launch})
	if err != nil {
		return 0, err
	}
	defer out.Close()
	typing, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = p.typeInto(typing, id, screen) }()
	if err := copyOutput(out, &o); err != nil {
		return 0, fmt.Errorf("output of the command: %w", err)
	}
	end, err := p.wait(ctx, id)
	if err != nil {
		return 0, err
	}
	_ = p.remove(ctx, id)
	return exitCode(end), nil
}

// Attach connects to a task that runs on a terminal, until it ends, whose exit status
// it returns then, or until Ctrl-P Ctrl-Q is typed.
func Attach(ctx context.Context, o Options) (status int, err error) {
	p, err := locate(ctx, &o)
	if err != nil {
		return 0, err
	}
	out, err := p.stream(ctx, &agent.Call{Type: agent.Call_ATTACH_CONTAINER_OUTPUT.Enum(),
		AttachContainerOutput: &agent.Call_AttachContainerOutput{ContainerId: p.container}})
	if err != nil {
		return 0, err
	}
	defer out.Close()
	o.Interactive, o.TTY = true, true
	screen, err := openScreen(&o)
	if err != nil {
		return 0, err
	}
	defer screen.restore()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan int, 1)
	go func() {
		if end, err := p.wait(ctx, p.container); err == nil {
			ended <- exitCode(end)
		}
		close(ended)
	}()
	detached := make(chan struct{})
	go func() {
		if errors.Is(p.typeInto(ctx, p.container, screen), errDetached) {
			close(detached)
			out.Close()
		}
	}()
	err = copyOutput(out, &o)
	select {
	case <-detached:
		return 0, nil
	default:
	}
	if err != nil {
		return 0, fmt.Errorf("output of the task: %w", err)
	}
	return <-ended, nil
}

func exitCode(end *agent.Response_WaitContainer) int {
	if end.ExitStatus == nil {
		return 1
	}
	w := syscall.WaitStatus(end.GetExitStatus())
	if w.Signaled() {
		return 128 + int(w.Signal())
	}
	return w.ExitStatus()
}
