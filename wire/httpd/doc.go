// Package httpd is the HTTP server shell of the allocator and of the agent:
// fasthttp inside, and around it what fasthttp leaves open.
//
// The way of a request:
//
//		listener ─► conn (framing checks on the raw bytes) ─► fasthttp parser
//		         ─► dispatch: method, path, route ─► Options.Before ─► Handler(*Ctx)
//
//	  - framing.go decides which bytes fasthttp gets to see. It is a small
//	    pure state machine that follows the message framing and refuses what two
//	    HTTP implementations could read differently: Content-Length together with
//	    Transfer-Encoding, folded lines, bare line feeds, giant chunk extensions,
//	    HTTP/2 prefaces, unknown expectations. A refused connection gets one
//	    answer and is closed.
//	  - route.go finds the handler as Mesos does: each path answers with and without
//	    the actor's name in front, and the longest registered prefix wins.
//	  - lane.go serves the calls of one path before fasthttp sees them: many requests
//	    that a client sends without waiting for answers are decided together.
//	  - ctx.go and reply.go are what a handler works with. A handler may block
//	    until its answer is known; each connection has its own goroutine, and
//	    the answers of one connection keep their order.
//	  - shared.go sends one body to several requests, compress.go compresses.
//	  - stream.go turns a connection into an endless chunked response. The stream
//	    costs no goroutine: one watcher (watch_linux.go) notices when peers
//	    close. upgrade.go turns a connection into a two-way byte channel.
//	  - incoming.go gives a handler the body of a request while it still comes.
//
// Limits are on by default: body, header, inflated body, read and idle time,
// number of connections, time for one send to a stream. A handler that panics
// is answered 500 and counted; the process lives.
//
// Not here: authentication, content negotiation and what the endpoints mean
// (alloc/api, agent), and encoding (wire/codec).
package httpd
