package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/caprock/caprock/agent/executor"
	"github.com/caprock/caprock/wire/httpd"
)

// maxSocketPath is one more than the length of the longest path of a socket.
const maxSocketPath = 108

// listenForExecutors makes the socket anew; that of an earlier agent leads nowhere. Every user's
// executor may connect, as Mesos lets them.
func listenForExecutors(path string) (net.Listener, error) {
	if len(path) >= maxSocketPath {
		return nil, fmt.Errorf("domain_socket_location: got %q of %d bytes, want fewer than %d", path, len(path), maxSocketPath)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("domain_socket_location: got %s, which is there and no socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("domain_socket_location: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("domain_socket_location: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// allowedAtSocket keeps those who call at the socket to what executors need.
func allowedAtSocket(c *httpd.Ctx) bool {
	if c.LocalAddr().Network() != "unix" || c.Route() == executor.Path || c.Route() == "/api/v1" {
		return true
	}
	c.ReplyText(403, "This path is not served at the socket of executors")
	return false
}
