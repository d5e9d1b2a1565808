// Package disk watches and bounds how much disk space the sandboxes and persistent
// volumes of containers take up.
//
//	core.Disks ─► Watcher: measure ─► Used, for the statistics
//	                               └► Exceeded ─► core.Limited
//
// A Watcher does what Mesos' disk/du does: it adds up the blocks of all files, every so
// often. So a container can take more than its share for as long as a round lasts;
// only a quota of the file system is exact. Measuring is done by one goroutine, one
// directory after the other, with descriptors that follow no link and cross no
// mount: what a task does to its sandbox meanwhile leads nowhere else.
//
// Projects do what disk/xfs does, with the quotas of isolation/quota: each sandbox and
// volume is a project with an id of its own, limits hold at every write, and usage is read
// when it is asked for. The agent keeps no record of ids, which are on the directories:
//
//	core.Launch, Nest, Resize ─► runner ─► Hold   ids and limits, before anything is written
//	core.Destroy ─► runner ─► Forget
//	the agent starts ─► Recover                   from the directories, and core.Disks
//	sandboxes are removed ─► Reclaim              once no file carries the id any more
package disk
