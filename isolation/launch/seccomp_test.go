package launch

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/caprock/caprock/isolation/seccomp"
)

// With probeEnv set the test binary tries system calls and prints what it got.
const probeEnv = "CAPROCK_TEST_PROBE"

const x32Bit = 0x40000000

func TestMain(m *testing.M) {
	switch os.Getenv(probeEnv) {
	case "syscalls":
		trySyscalls()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// attempts are harmless where they are allowed: their arguments are invalid.
var attempts = map[string][4]uintptr{
	"mount":             {unix.SYS_MOUNT},
	"unshare user":      {unix.SYS_UNSHARE, unix.CLONE_NEWUSER},
	"unshare files":     {unix.SYS_UNSHARE, unix.CLONE_FILES},
	"clone user":        {unix.SYS_CLONE, unix.CLONE_NEWUSER | unix.CLONE_THREAD},
	"clone3":            {unix.SYS_CLONE3},
	"keyctl":            {unix.SYS_KEYCTL, 99},
	"bpf":               {unix.SYS_BPF, 999},
	"userfaultfd":       {unix.SYS_USERFAULTFD, 1 << 30},
	"io_uring":          {unix.SYS_IO_URING_SETUP},
	"open_by_handle_at": {unix.SYS_OPEN_BY_HANDLE_AT},
	"kexec":             {unix.SYS_KEXEC_LOAD, 0, 99},
	"TIOCSTI":           {unix.SYS_IOCTL, ^uintptr(0), unix.TIOCSTI},
	"FS_IOC_FSSETXATTR": {unix.SYS_IOCTL, ^uintptr(0), 0xdead_0000_0000 | 0x401c5820},
	"FS_IOC_SETFLAGS":   {unix.SYS_IOCTL, ^uintptr(0), 0x40086602},
	"file_setattr":      {469, ^uintptr(0)},
	"other ioctl":       {unix.SYS_IOCTL, ^uintptr(0), unix.TCGETS},
	"AF_ALG":            {unix.SYS_SOCKET, unix.AF_ALG, 99},
	"AF_VSOCK":          {unix.SYS_SOCKET, unix.AF_VSOCK, 99},
	"AF_UNIX":           {unix.SYS_SOCKET, unix.AF_UNIX, 99},
	"x32 getpid":        {x32Bit | 39},
	"getpid":            {unix.SYS_GETPID},
}

func trySyscalls() {
	var lines []string
	for name, a := range attempts {
		_, _, e := unix.RawSyscall6(a[0], a[1], a[2], a[3], 0, 0, 0)
		result := "allowed"
		if e == unix.EPERM || e == unix.ENOSYS || e == unix.ENOTTY {
			result = e.Error()
		}
		lines = append(lines, name+": "+result)
	}
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
}

func TestDefaultSeccomp(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("SKIP-ENV: the list of attempts is for amd64")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, st := output(t, &Spec{Path: self, Env: []string{probeEnv + "=syscalls"}, Seccomp: seccomp.Default()})
	const eperm, enosys = "operation not permitted", "function not implemented"
	for name := range attempts {
		want := eperm
		switch name {
		case "FS_IOC_FSSETXATTR", "FS_IOC_SETFLAGS":
			want = "inappropriate ioctl for device"
		case "clone3", "x32 getpid", "file_setattr":
			want = enosys
		case "unshare files", "other ioctl", "AF_UNIX", "getpid":
			want = "allowed"
		}
		if !strings.Contains(text, name+": "+want+"\n") {
			t.Errorf("%s: want %s", name, want)
		}
	}
	if t.Failed() || st.WaitStatus != 0 {
		t.Errorf("%s\n%s", st, text)
	}
}

func TestSeccompIsOnAndBringsNoNewPrivs(t *testing.T) {
	m := status(t, &Spec{Seccomp: seccomp.Default()})
	if m["Seccomp"] != "2" || m["NoNewPrivs"] != "1" {
		t.Errorf("got Seccomp %s, NoNewPrivs %s; want 2 and 1", m["Seccomp"], m["NoNewPrivs"])
	}
}

// Ordinary programs, with threads, pipes and forks, run under the filter.
func TestOrdinaryProgramsRunUnderTheDefaultFilter(t *testing.T) {
	s := shell("(echo a; echo b) | sort -r; sleep 0.01; ls / > /dev/null && date > /dev/null && echo fine")
	s.Seccomp = seccomp.Default()
	if text, _ := output(t, s); text != "b\na\nfine\n" {
		t.Errorf("got %q", text)
	}
}
