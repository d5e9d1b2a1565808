// Package record is what a node agent writes down: the protobuf messages that
// agent/core hands to store/checkpoint, one per entity, and the keys they live
// under.
//
// A record says the whole durable state of its entity, so recovery reads what
// exists and not what happened. Fields may be added; numbers are never reused.
package record
