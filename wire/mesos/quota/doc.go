// Package quota holds quota requests, configurations and statuses.
//
// Generated from quota.proto; see package mesos for the rules of encoding.
package quota
