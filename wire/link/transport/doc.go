// Package transport carries link frames between agents and the allocator.
//
// The agent's side calls Dial, which sends "GET /api/v1/link" with "Upgrade:
// caprock-link" and follows redirects to the leader. The allocator's side calls
// Accept on the connection that httpd.Ctx.Upgrade hands out. From then on both hold
// a Conn: RecordIO frames of protobuf, Up one way and Down the other.
//
// Send never waits for the network. Frames are encoded into one buffer, and
// while a write is under way those that follow gather behind it, so a busy link
// sends many frames per system call. A link with nothing to send costs no
// goroutine and no buffer. What gathers is bounded: a peer that does not
// read makes Send fail with ErrBacklog and cuts the link. Losing a link loses
// nothing: outbox frames and status updates are resent after the next Register.
//
// What frames mean, terms, sequence numbers and channels are not this package's
// business; see link.proto.
package transport
