package reap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Role is what a process is here.
type Role string

// The roles, as they are handed on in the environment.
const (
	Front  Role = ""
	Reaper Role = "reaper"
	Agent  Role = "agent"
)

const (
	roleVariable = "CAPROCK_REAP_ROLE"
	// Descriptors of a reaper: the end of the front shows on one, the agent's pid and end are told on the other.
	frontFD, reportFD = 3, 4
)

// MyRole is the role that this process was started for. It is taken from the environment, so that
// nothing that this process starts has it.
func MyRole() Role {
	r := Role(os.Getenv(roleVariable))
	_ = os.Unsetenv(roleVariable)
	return r
}

// passed are the signals that are meant for the agent.
var passed = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// RunFront starts the reaper, which starts this same command line as the agent, and returns the agent's
// wait status.
func RunFront() (syscall.WaitStatus, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passed...)
	defer signal.Stop(signals)
	alive, held, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer held.Close()
	reports, report, err := os.Pipe()
	if err != nil {
		return 0, errors.Join(err, alive.Close())
	}
	defer reports.Close()
	reaper := exec.Command("/proc/self/exe", os.Args[1:]...)
	reaper.Args[0] = os.Args[0]
	reaper.Stdin, reaper.Stdout, reaper.Stderr = os.Stdin, os.Stdout, os.Stderr
	reaper.Env = append(os.Environ(), roleVariable+"="+string(Reaper))
	reaper.ExtraFiles = []*os.File{alive, report}
	reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = reaper.Start()
	if err = errors.Join(err, alive.Close(), report.Close()); err != nil {
		return 0, err
	}
	go func() { _ = reaper.Wait() }() // it may outlive this process
	return follow(reports, signals)
}

// follow passes signals on until the reaper reports the agent's end.
func follow(reports io.Reader, signals <-chan os.Signal) (syscall.WaitStatus, error) {
	lines := bufio.NewReader(reports)
	var pid, status int
	if _, err := fmt.Fscanf(lines, "started %d\n", &pid); err != nil {
		return 0, fmt.Errorf("the reaper did not start the agent: %w", err)
	}
	over := make(chan error, 1)
	go func() {
		_, err := fmt.Fscanf(lines, "ended %d\n", &status)
		over <- err
	}()
	for {
		select {
		case s := <-signals:
			_ = syscall.Kill(pid, s.(syscall.Signal)) // if it has ended, that is on its way here
		case err := <-over:
			if err != nil {
				return 0, fmt.Errorf("the reaper is gone: %w", err)
			}
			return syscall.WaitStatus(status), nil
		}
	}
}
