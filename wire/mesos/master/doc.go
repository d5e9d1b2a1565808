// Package master holds the operator calls, responses and events of the allocator service.
//
// Generated from master.proto; see package mesos for the rules of encoding.
package master
