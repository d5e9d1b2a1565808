// Package api serves the agent's HTTP API for operators and tools: the unversioned
// endpoints that Mesos' users know (/state, /files/*, /containers, /metrics/snapshot …)
// and the v1 operator API (POST /api/v1): its reads, and the calls that launch, end and
// attach to containers, which are decided by agent/core.
//
// It reads the agent's state by asking the loop to run a function between two
// turns, so answers are consistent and hold only what is durable. Files are read
// through agent/sandbox, which serves nothing but sandboxes. Use of resources is
// read from the kernel when asked for; nothing is sampled for an idle agent.
package api
