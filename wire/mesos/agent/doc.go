// Package agent holds the operator calls and responses of an agent.
//
// Generated from agent.proto; see package mesos for the rules of encoding.
package agent
