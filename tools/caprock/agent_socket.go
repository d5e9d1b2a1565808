package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// socketFlags say whether executors reach the agent at a Unix socket.
type socketFlags struct {
	wanted   bool
	location string
}

func (s *socketFlags) flags(f *pflag.FlagSet) {
	f.BoolVar(&s.wanted, "http-executor-domain-sockets", false, "let executors reach the agent at a Unix socket too, which MESOS_DOMAIN_SOCKET names")
	f.StringVar(&s.location, "domain-socket-location", "", "`path` of that socket, of fewer than 108 bytes (default: agent.sock in the work directory)")
}

// path of the socket, "" without one.
func (s *socketFlags) path(workDir string) (string, error) {
	switch {
	case !s.wanted:
		return "", nil
	case strings.HasPrefix(s.location, "systemd:"):
		return "", errors.New("--domain-socket-location: got a socket of systemd, want a path: the agent makes its socket itself")
	case s.location != "":
		return filepath.Abs(s.location)
	}
	return filepath.Abs(filepath.Join(workDir, "agent.sock"))
}
