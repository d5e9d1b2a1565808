package seccomp

import "golang.org/x/sys/unix"

// Offsets into struct seccomp_data; arguments are little endian on all of ours.
const (
	dataNr   = 0
	dataArch = 4
	dataArg0 = 16
	dataArg1 = 24
)

const x32Bit = 0x40000000

// filter assembles a seccomp program.
type filter []unix.SockFilter

func (f *filter) load(offset uint32) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (f *filter) ret(action uint32) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action})
}

// when appends a test of what was loaded and the action if it holds.
func (f *filter) when(test uint16, k, action uint32) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jf: 1})
	f.ret(action)
}

// skipUnless jumps over the next n instructions unless the system call is nr.
func (f *filter) skipUnless(nr uint32, n uint8) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: n})
}

// deny is the action that refuses a call with an error.
func deny(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
