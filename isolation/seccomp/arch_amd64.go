package seccomp

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// archDeniedSyscalls exist on this architecture only.
var archDeniedSyscalls = []uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_USELIB, unix.SYS_CREATE_MODULE,
	unix.SYS_GET_KERNEL_SYMS, unix.SYS_QUERY_MODULE, unix.SYS__SYSCTL, unix.SYS_MODIFY_LDT}

// Names of this architecture in profiles: that of Go in conditions, that of libseccomp
// elsewhere.
const (
	archName  = "amd64"
	archToken = "SCMP_ARCH_X86_64"
	// auditIA32 marks calls of 32-bit programs.
	auditIA32 = unix.AUDIT_ARCH_I386
)
