// Package recordio frames messages on a stream as Mesos does: the record's length in
// decimal ASCII, a line feed, that many bytes, and again until the stream ends. There
// is no trailing delimiter, an empty record ("0\n") is legal, lengths count bytes.
//
// Event streams to frameworks, executors and operators use it, and the link between
// agents and the allocator. Records may be cut anywhere by the transport: a Reader
// neither knows nor cares about HTTP chunks.
//
// Both sides are bounded: a header has at most 20 digits, a record at most the limit
// (MaxRecord unless told otherwise), and the memory a Reader holds grows with the bytes
// that have really come, not with what a header announces. In the steady state nothing
// here allocates.
package recordio
