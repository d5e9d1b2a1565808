package seccomp

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var archDeniedSyscalls []uint32

// Names of this architecture in profiles: that of Go in conditions, that of libseccomp
// elsewhere.
const (
	archName  = "arm64"
	archToken = "SCMP_ARCH_AARCH64"
	auditIA32 = unix.AUDIT_ARCH_I386
)

// ia32 is not of this architecture.
var ia32 map[string]uint32
