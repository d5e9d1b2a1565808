// Package executor holds the calls and events of the Mesos v1 executor API.
//
// Generated from executor.proto; see package mesos for the rules of encoding.
package executor
