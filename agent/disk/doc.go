// Package disk watches how much disk space the sandboxes and persistent volumes of
// containers take up, and says when it is more than they were given.
//
//	core.Disks ─► Watcher: measure ─► Used, for the statistics
//	                               └► Exceeded ─► core.Limited
//
// It does what Mesos' disk/du does: it adds up the blocks of all files, every so
// often. So a container can take more than its share for as long as a round lasts;
// only a quota of the file system is exact. Measuring is done by one goroutine, one
// directory after the other, with descriptors that follow no link and cross no
// mount: what a task does to its sandbox meanwhile leads nowhere else.
package disk
