// Package link is the protocol between the allocator service and its agents.
//
// link.proto says what crosses the connection, how a frame is delivered exactly
// once in effect, and how a deposed allocator is fenced off. The messages here are
// generated from it; who sends what, and when, is decided by alloc/core on one
// side and agent/core on the other.
package link
