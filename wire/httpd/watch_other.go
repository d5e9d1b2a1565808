//go:build !linux

package httpd

import "net"

func newWatcher() watcher { return &readerWatcher{} }

// tuneStream bounds what the kernel swallows for a peer that does not read.
func tuneStream(c net.Conn, o *Options) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: o.KeepAlive, Count: 2})
		_ = tcp.SetWriteBuffer(o.StreamBufferBytes)
	}
}

// waitForReader has nothing to undo here.
func waitForReader(net.Conn) {}

// lastRites sends the end of the stream before the connection is closed.
func lastRites(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
