package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/tools/devcluster"
)

// mshInteractive has msh run a shell on the cluster, and types into it as a person
// at a terminal does. msh expects every agent on port 5051 of its host, so this
// case has a cluster of its own whose agent is there, on a loopback address that
// nobody else uses.
func mshInteractive(flags ...string) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		pid := os.Getpid()
		host := fmt.Sprintf("127.%d.%d.%d", 64+pid>>14&63, pid>>7&127+1, pid&127+1)
		cluster, err := devcluster.Start(ctx, devcluster.Options{
			Binary: b.bin("caprock"), Listen: host + ":0", Log: b.log,
			AgentFlags: []string{"--listen=" + host + ":5051", "--hostname=" + host},
		})
		if err != nil {
			return err
		}
		defer func() {
			stopping, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_ = cluster.Stop(stopping)
		}()
		if err := cluster.Ready(ctx); err != nil {
			return err
		}
		args := append([]string{"-master", strings.TrimPrefix(cluster.URL(), "http://"), "-interactive", "-tty"}, flags...)
		p, err := onTerminal(exec.CommandContext(ctx, b.bin("msh"), append(args, "--", "/bin/sh")...))
		if err != nil {
			return err
		}
		defer p.close()
		err = p.talk()
		if err != nil {
			return fmt.Errorf("%w; the terminal showed:\n%s", err, p.shown.text())
		}
		return nil
	}
}

// person is a program on a terminal, and who sits there.
type person struct {
	cmd   *exec.Cmd
	term  *launch.Terminal
	shown lockedBuffer
	over  chan error
}

func onTerminal(cmd *exec.Cmd) (*person, error) {
	term, err := launch.OpenTerminal(24, 80, -1)
	if err != nil {
		return nil, err
	}
	p := &person{cmd: cmd, term: term, over: make(chan error, 1)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Slave, term.Slave, term.Slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	term.Slave.Close()
	if err != nil {
		term.Master.Close()
		return nil, err
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := term.Master.Read(buf)
			_, _ = p.shown.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() { p.over <- cmd.Wait() }()
	return p, nil
}

func (p *person) close() {
	_ = p.cmd.Process.Kill()
	p.term.Master.Close()
}

// talk waits for a prompt, computes something, changes the size of the window, and
// leaves the shell.
func (p *person) talk() error {
	if err := p.see("attaching for interactive session", ""); err != nil {
		return err
	}
	if err := p.see("answer=42\r\n", "echo answer=$((6*7))\n"); err != nil {
		return err
	}
	if err := launch.SetWindow(p.term.Master, 40, 100); err != nil {
		return err
	}
	if err := p.see("40 100\r\n", "stty size\n"); err != nil {
		return err
	}
	if _, err := p.term.Master.WriteString("exit\n"); err != nil {
		return err
	}
	select {
	case err := <-p.over:
		if err != nil {
			return fmt.Errorf("msh: %w", err)
		}
	case <-time.After(time.Minute):
		return errors.New("msh goes on after the shell has ended")
	}
	// It ends with status 0 for TASK_FINISHED only.
	return nil
}

// see types and waits for an answer. What is typed before somebody listens may be
// lost, so it is typed again.
func (p *person) see(want, keys string) error {
	deadline := time.After(time.Minute)
	for {
		if keys != "" {
			if _, err := p.term.Master.WriteString(keys); err != nil {
				return err
			}
		}
		again := time.After(2 * time.Second)
		for waiting := true; waiting; {
			if len(p.shown.missing(want)) == 0 {
				return nil
			}
			select {
			case err := <-p.over:
				return fmt.Errorf("msh ended before it showed %q: %v", want, err)
			case <-deadline:
				return fmt.Errorf("%q was not shown within a minute", want)
			case <-again:
				waiting = false
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}
