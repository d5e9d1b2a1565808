// Package trace reads published traces of clusters: Google's of 2019 and Alibaba's of
// 2018, as CSV files, plain or compressed. What comes out is machines and tasks with the
// moments they were wanted, how long they ran and what they asked for, ready to be replayed.
//
//	trace.go    what a trace is, which part of it is read, and the bounds
//	csv.go      lines and fields of a file, read as a stream
//	google.go   Google 2019: machine_events, collection_events, instance_events
//	alibaba.go  Alibaba 2018: machine_meta, container_meta, batch_task, batch_instance
//
// Files are read as streams, and only what belongs to the chosen part is kept, of which there
// are bounds: memory does not depend on the size of the files. Lines that make no sense are counted and
// the first are told with their number; too many of them are an error.
package trace
