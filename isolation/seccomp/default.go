package seccomp

import "golang.org/x/sys/unix"

// deniedSyscalls are refused with EPERM: they change the kernel or the host's view
// of the file system, or have a long record of ways out of a container.
var deniedSyscalls = append([]uint32{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
	unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_SETNS, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SYSLOG, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_NFSSERVCTL,
}, archDeniedSyscalls...)

// newNamespaces are the clone and unshare flags that make a namespace.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME

// What changes the project of a file, or whether a directory hands its own on:
// FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS and the system call file_setattr, which has the
// same number everywhere.
const (
	setProject  = 0x401c5820
	setFlags    = 0x40086602
	fileSetAttr = 469
)

// Default is a filter that allows what programs do and refuses what only
// attacks and administration need. System calls of a foreign architecture
// (32-bit, x32) do not exist (ENOSYS), nor does clone3, whose flags a filter cannot
// see: the C libraries then fall back to clone.
func Default() []unix.SockFilter {
	var f filter
	f.load(dataArch)
	f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1})
	f.ret(deny(unix.ENOSYS))
	f.load(dataNr)
	f.when(unix.BPF_JGE, x32Bit, deny(unix.ENOSYS))
	f.when(unix.BPF_JEQ, unix.SYS_CLONE3, deny(unix.ENOSYS))
	for _, nr := range deniedSyscalls {
		f.when(unix.BPF_JEQ, nr, deny(unix.EPERM))
	}
	for _, nr := range []uint32{unix.SYS_CLONE, unix.SYS_UNSHARE} {
		f.skipUnless(nr, 4)
		f.load(dataArg0)
		f.when(unix.BPF_JSET, newNamespaces, deny(unix.EPERM))
		f.ret(unix.SECCOMP_RET_ALLOW)
	}
	// Typing into the terminal that the task was started from; and leaving the project
	// that bounds its files, which owners of files may, as on a file system without.
	f.when(unix.BPF_JEQ, fileSetAttr, deny(unix.ENOSYS))
	f.skipUnless(unix.SYS_IOCTL, 10)
	f.load(dataArg1)
	f.when(unix.BPF_JEQ, unix.TIOCSTI, deny(unix.EPERM))
	f.when(unix.BPF_JEQ, unix.TIOCLINUX, deny(unix.EPERM))
	f.when(unix.BPF_JEQ, setProject, deny(unix.ENOTTY))
	f.when(unix.BPF_JEQ, setFlags, deny(unix.ENOTTY))
	f.ret(unix.SECCOMP_RET_ALLOW)
	// Kernel crypto and the hypervisor's sockets.
	f.skipUnless(unix.SYS_SOCKET, 6)
	f.load(dataArg0)
	f.when(unix.BPF_JEQ, unix.AF_ALG, deny(unix.EPERM))
	f.when(unix.BPF_JEQ, unix.AF_VSOCK, deny(unix.EPERM))
	f.ret(unix.SECCOMP_RET_ALLOW)
	f.ret(unix.SECCOMP_RET_ALLOW)
	return f
}
