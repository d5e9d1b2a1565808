// Package logs keeps what tasks print within bounds.
//
// A task writes to stdout and stderr in its sandbox itself, with no process of ours
// in between that could slow it down, or end and break its pipe. So a file that has
// grown too large is shortened under its writer: the beginning is copied to stdout.1
// (and what was there moves to stdout.2, and so on), then cut off. On ext4 and XFS
// the cut removes whole blocks from the front in one step of the file system
// (FALLOC_FL_COLLAPSE_RANGE), so that nothing the task prints meanwhile is lost: it
// appends, and appending goes on behind what is left. Other file systems can only
// empty the file, which loses what is printed between the copy and that.
//
// Policies follow Mesos' logrotate container logger: a size and a number of old
// files for each of the two, which a task changes through its environment.
package logs
