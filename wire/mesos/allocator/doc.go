// Package allocator holds the answers to inverse offers that the maintenance status shows.
//
// Generated from allocator.proto; see package mesos for the rules of encoding.
package allocator
