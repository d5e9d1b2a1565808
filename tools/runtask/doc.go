// Package runtask is `caprock run`: a framework that runs one task, copies what
// it prints, and ends with its exit status.
//
// It is an ordinary scheduler on the v1 API (package framework) and reads the
// sandbox through the agent's READ_FILE, so it works against any cluster the
// caller can reach. If the allocator restarts meanwhile it resubscribes; if an
// offer turns out stale it takes the next one.
package runtask
