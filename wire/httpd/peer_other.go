//go:build !linux

package httpd

// PeerGone cannot tell on this system whether the client has hung up.
func (c *Ctx) PeerGone() bool { return false }
