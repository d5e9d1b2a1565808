// Package resource_provider holds the calls and events of the resource provider API.
//
// Generated from resource_provider.proto; see package mesos for the rules of encoding.
package resource_provider
