package httpd

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// PeerGone reports whether the client has hung up or shut its side down, for
// handlers whose answer may take hours. It reads nothing.
func (c *Ctx) PeerGone() bool {
	conn := connOf(c.RequestCtx)
	if conn == nil {
		return false
	}
	sock, ok := conn.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return gone || err != nil
}
