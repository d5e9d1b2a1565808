package api

import (
	"bufio"
	"context"
	"net"
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/record"
	"github.com/caprock/caprock/wire/httpd"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/link/transport"
)

// links are the open links and the agents' channels on them. A link carries
// many agents; the core knows each by a ChannelRef, which names one number on
// one link for as long as both last.
type links struct {
	term uint64

	mu struct {
		sync.Mutex
		channels map[core.ChannelRef]channel // guarded by mu
		open     int                         // links; guarded by mu
	}

	dirty []*agentLink // have frames to send; the releaser's own
}

type channel struct {
	link   *agentLink
	number uint32
}

// agentLink is one link.
type agentLink struct {
	conn *transport.AllocatorConn
	out  []*link.Down // gathered since the last flush; the releaser's own

	mu struct {
		sync.Mutex
		refs map[uint32]core.ChannelRef // by channel number; guarded by mu
	}
}

// channelsPerLink bounds the agents on one link: a harness plays 100,000 on a few.
const channelsPerLink = 1 << 18

// link is GET /api/v1/link: the agents' side.
func (s *Server) link(c *httpd.Ctx) {
	if !c.IsMethod("GET") {
		c.ReplyMethodNotAllowed("GET")
		return
	}
	c.Upgrade(transport.Protocol, func(nc net.Conn, r *bufio.Reader) {
		conn := transport.Accept(nc, r, transport.Options{Clock: s.opts.Clock})
		defer conn.Close()
		s.serveLink(s.ctx, conn)
	})
}

// serveLink reads frames until the link ends. A full inbox makes it wait, and
// the agent with it.
func (s *Server) serveLink(ctx context.Context, conn *transport.AllocatorConn) {
	l := &agentLink{conn: conn}
	l.mu.refs = map[uint32]core.ChannelRef{}
	s.links.opened()
	defer s.linkEnded(l)
	for {
		up, err := conn.Recv()
		if err != nil {
			s.opts.Logger.Debug("link ended", "peer", conn.RemoteAddr(), "error", err)
			return
		}
		s.counts.frame(up)
		record.ShareNumbers(up.GetStatusUpdate().GetStatus())
		ref, ok := s.channelOf(l, up)
		if !ok {
			// The agent believes to be registered here and is not.
			if conn.Send(s.links.frame(up.GetChannel(), &link.Down{Body: &link.Down_Ping{Ping: &link.Ping{Connected: ptr(false)}}})) != nil {
				return
			}
			continue
		}
		if s.loop.SubmitWait(ctx, &core.AgentFrame{Channel: ref, Up: up}, up.SizeVT()) != nil {
			return
		}
	}
}

// channelOf names the frame's channel. Only Register opens one.
func (s *Server) channelOf(l *agentLink, up *link.Up) (core.ChannelRef, bool) {
	number := up.GetChannel()
	l.mu.Lock()
	defer l.mu.Unlock()
	ref, ok := l.mu.refs[number]
	if ok {
		return ref, true
	}
	if up.GetRegister() == nil || len(l.mu.refs) >= channelsPerLink {
		return 0, false
	}
	ref = core.ChannelRef(s.nextRef())
	l.mu.refs[number] = ref
	s.links.mu.Lock()
	if s.links.mu.channels == nil {
		s.links.mu.channels = map[core.ChannelRef]channel{}
	}
	s.links.mu.channels[ref] = channel{l, number}
	s.links.mu.Unlock()
	return ref, true
}

// linkEnded tells the core that every channel of the link is closed.
func (s *Server) linkEnded(l *agentLink) {
	l.mu.Lock()
	refs := l.mu.refs
	l.mu.refs = map[uint32]core.ChannelRef{}
	l.mu.Unlock()
	s.links.mu.Lock()
	s.links.mu.open--
	for _, ref := range refs {
		delete(s.links.mu.channels, ref)
	}
	s.links.mu.Unlock()
	for _, ref := range refs {
		s.loop.Notify(&core.ChannelClosed{Channel: ref})
	}
}

func (ls *links) opened() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.mu.open++
}

func (ls *links) count() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.mu.open
}

func (ls *links) find(ref core.ChannelRef) (channel, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ch, ok := ls.mu.channels[ref]
	return ch, ok
}

// frame addresses a Down to a channel. The original may be in an outbox, or on
// its way to other channels, so it is not touched.
func (ls *links) frame(number uint32, d *link.Down) *link.Down {
	return &link.Down{Channel: &number, Term: &ls.term, Seq: d.Seq, Body: d.Body}
}

// send gathers a frame for its link. Frames to channels that are gone are
// dropped: what matters of them is in an outbox.
func (ls *links) send(e *core.Down) {
	ch, ok := ls.find(e.Channel)
	if !ok {
		return
	}
	if len(ch.link.out) == 0 {
		ls.dirty = append(ls.dirty, ch.link)
	}
	ch.link.out = append(ch.link.out, ls.frame(ch.number, e.Down))
}

// flush sends what was gathered, a write per link. A link that does not take it
// ends, and its reader finds out.
func (ls *links) flush() {
	for i, l := range ls.dirty {
		if l.conn.Send(l.out...) != nil {
			l.conn.Close()
		}
		clear(l.out)
		l.out = l.out[:0]
		ls.dirty[i] = nil
	}
	ls.dirty = ls.dirty[:0]
}

// closeChannel takes no more frames on a channel, after those already gathered.
func (ls *links) closeChannel(ref core.ChannelRef) {
	ch, ok := ls.find(ref)
	if !ok {
		return
	}
	ls.mu.Lock()
	delete(ls.mu.channels, ref)
	ls.mu.Unlock()
	ch.link.mu.Lock()
	defer ch.link.mu.Unlock()
	if ch.link.mu.refs[ch.number] == ref {
		delete(ch.link.mu.refs, ch.number)
	}
}
