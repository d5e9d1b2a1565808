package httpc

import (
	"net"
	"sync"
	"time"
)

// pool keeps connections for the next request, the freshest first.
type pool struct {
	opts *Options

	mu struct {
		sync.Mutex
		idle   map[string][]idleConn
		closed bool
	}
}

type idleConn struct {
	cn    *conn
	since time.Duration
}

func (p *pool) init(o *Options) {
	p.opts = o
	p.mu.idle = map[string][]idleConn{}
}

func (t target) key() string { return t.scheme + " " + t.host }

// get returns a kept connection that still works, or nil.
func (p *pool) get(t target) (*conn, error) {
	for {
		ic, ok := p.pop(t.key())
		if !ok {
			return nil, nil
		}
		if p.opts.Clock.Monotonic()-ic.since < p.opts.IdleTimeout && alive(ic.cn.Conn) {
			ic.cn.reused = true
			return ic.cn, nil
		}
		_ = ic.cn.Close()
	}
}

func (p *pool) pop(key string) (idleConn, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.mu.idle[key]
	if len(list) == 0 {
		return idleConn{}, false
	}
	last := list[len(list)-1]
	list[len(list)-1] = idleConn{}
	p.mu.idle[key] = list[:len(list)-1]
	return last, true
}

// put keeps cn. The oldest connections of the host go when they have idled out.
func (p *pool) put(t target, cn *conn) {
	now := p.opts.Clock.Monotonic()
	p.mu.Lock()
	list := p.mu.idle[t.key()]
	var expired []net.Conn
	for len(list) > 0 && now-list[0].since >= p.opts.IdleTimeout {
		expired = append(expired, list[0].cn)
		list = list[1:]
	}
	if p.mu.closed || len(list) >= p.opts.MaxIdlePerHost {
		expired = append(expired, cn)
	} else {
		list = append(list, idleConn{cn, now})
	}
	p.mu.idle[t.key()] = list
	p.mu.Unlock()
	for _, c := range expired {
		_ = c.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	for _, list := range p.mu.idle {
		for _, ic := range list {
			_ = ic.cn.Close()
		}
	}
	clear(p.mu.idle)
}
