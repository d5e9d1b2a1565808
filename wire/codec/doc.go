// Package codec turns bodies into messages and back in the two encodings of Mesos'
// v1 APIs, protobuf and JSON, and finds out which one a request speaks and wants.
//
// It is the place where what comes from a network is bounded: length (MaxBody),
// nesting (MaxDepth, in both encodings) and required fields, which both encodings
// check and whose absence is told with the full path of the field.
//
// Errors of Unmarshal are the sender's fault; their text goes into a 400 as it is.
// The codec does not look at HTTP beyond the two header values.
package codec
