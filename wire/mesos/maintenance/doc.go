// Package maintenance holds maintenance windows, schedules and the cluster's status.
//
// Generated from maintenance.proto; see package mesos for the rules of encoding.
package maintenance
