// Package scheduler holds the calls and events of the Mesos v1 scheduler API.
//
// Generated from scheduler.proto; see package mesos for the rules of encoding.
package scheduler
