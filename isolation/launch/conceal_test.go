package launch

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// From the first launch on no task gets at our program or memory. A child shares both
// until it executes, with the rights of a task in the end.
func TestTheLauncherIsConcealed(t *testing.T) {
	needRoot(t)
	s := shell(fmt.Sprintf("readlink /proc/%d/exe; (: </proc/%d/mem) && echo got it; ls /proc/%d/fd", os.Getpid(), os.Getpid(), os.Getpid()))
	s.Capabilities = &Capabilities{Bounding: DefaultCapabilities, Effective: DefaultCapabilities}
	text, _ := output(t, s)
	if strings.Contains(text, ".test") || strings.Contains(text, "got it") || !strings.Contains(text, "ermission denied") {
		t.Errorf("a task got at the launcher: %s", text)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable: got %d, %v; want 0", dumpable, err)
	}
}
