// Package quota bounds how much space the files below a directory take, by project
// quotas of XFS: every file carries the id of a project, which it has from the
// directory it is made in, and the file system counts and bounds each project's
// blocks as they are written. So a limit is exact, and reading what is used costs
// one system call however many files there are.
//
//	fs, _ := quota.Open("/var/lib/caprock")       // an XFS with project quotas, or an error that says what lacks
//	dir, _ := os.Open("/var/lib/caprock/…/run")
//	_ = quota.Assign(dir, 5000)                   // it and all below it
//	_ = fs.SetLimits(5000, soft, hard)
//	use, _ := fs.Read(5000)
//
// No program is needed beside: ids are set by ioctl(2), limits by quotactl_fd(2).
// Which ids are whose is the caller's business (agent/disk).
package quota
