package httpd

import (
	"net"
	"net/netip"
	"sync"
)

// hostKey identifies a remote address for the per-address bound; the zero value
// stands for connections without an IP address (unix sockets, pipes).
type hostKey = netip.Addr

// connTable knows every open connection: it enforces the bounds and lets
// Shutdown end them all.
type connTable struct {
	max, maxPerIP int

	mu struct {
		sync.Mutex
		open   map[*conn]struct{}
		perIP  map[hostKey]int
		closed bool
	}
}

func newConnTable(maxConns, maxPerIP int) *connTable {
	t := &connTable{max: maxConns, maxPerIP: maxPerIP}
	t.mu.open = map[*conn]struct{}{}
	t.mu.perIP = map[hostKey]int{}
	return t
}

func remoteHost(c net.Conn) hostKey {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return hostKey{}
}

// add admits c, or says which bound it would break.
func (t *connTable) add(c *conn) *Refusal {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.mu.closed:
		return Refusef(503, "got a new connection while shutting down, wanted none")
	case len(t.mu.open) >= t.max:
		return Refusef(503, "got one connection more than the %d that are allowed", t.max)
	case t.maxPerIP > 0 && c.remote.IsValid() && t.mu.perIP[c.remote] >= t.maxPerIP:
		return Refusef(503, "got one connection more than the %d that are allowed from %v", t.maxPerIP, c.remote)
	}
	t.mu.open[c] = struct{}{}
	if t.maxPerIP > 0 {
		t.mu.perIP[c.remote]++
	}
	return nil
}

func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.mu.open[c]; !ok {
		return
	}
	delete(t.mu.open, c)
	if t.maxPerIP > 0 {
		if t.mu.perIP[c.remote]--; t.mu.perIP[c.remote] == 0 {
			delete(t.mu.perIP, c.remote)
		}
	}
}

func (t *connTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mu.open)
}

// shut refuses new connections from now on and returns those that are open.
func (t *connTable) shut() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.closed = true
	all := make([]*conn, 0, len(t.mu.open))
	for c := range t.mu.open {
		all = append(all, c)
	}
	return all
}
