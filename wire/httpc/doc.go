// Package httpc is the HTTP client of the agent, the tools and the bench.
//
// A Client does three things:
//
//   - Do, Post and Get: one request, one whole answer, over kept connections.
//   - Subscribe: a request whose answer is an endless RecordIO stream, read
//     record by record.
//   - Upgrade: a request that turns the connection into a byte channel, for
//     the link between agent and allocator.
//
// All three follow redirects to the leader (307 with Mesos' scheme-relative
// Location) and end when their context does. Follow adds what a subscriber
// needs to live for long: it subscribes again after a failure, with exponential
// backoff whose jitter comes from an injected source, so simulations repeat.
//
// A request that may have reached the server is not sent twice, except GET and
// HEAD: whether a POST took effect is the caller's question. Kept connections
// are probed before use, so a server that closed one while idle is noticed
// before anything is sent.
//
// The package speaks HTTP/1.1 by itself instead of using net/http: a call costs
// half as much, and an agent stays small.
package httpc
