package runtask

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/caprock/caprock/wire/mesos"
)

// Messages of terminal statuses (http-semantics of Mesos' command executor).
var (
	exitedMessage = regexp.MustCompile(`exited with status (\d+)`)
	signalMessage = regexp.MustCompile(`terminated with signal ([A-Za-z0-9/ ]+)`)
)

// lastSignal of Linux.
const lastSignal = 64

// exitStatus is what a shell would report for a task that ended like this. What a
// status says beyond a plain exit is printed.
func exitStatus(s *mesos.TaskStatus, stderr io.Writer) int {
	if s.GetState() == mesos.TaskState_TASK_FINISHED {
		return 0
	}
	if m := exitedMessage.FindStringSubmatch(s.GetMessage()); m != nil {
		if code, err := strconv.Atoi(m[1]); err == nil && code > 0 && code < 256 {
			return code
		}
	}
	fmt.Fprintf(stderr, "caprock: %v (%v): %s\n", s.GetState(), s.GetReason(), s.GetMessage())
	if m := signalMessage.FindStringSubmatch(s.GetMessage()); m != nil {
		for n := 1; n <= lastSignal; n++ {
			if strings.EqualFold(syscall.Signal(n).String(), strings.TrimSpace(m[1])) {
				return 128 + n
			}
		}
	}
	return 1
}

// cutEnv splits K=V; ok is false without a name or an equals sign.
func cutEnv(kv string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(kv, "=")
	return name, value, ok && name != ""
}

// CheckEnv refuses what is not K=V.
func CheckEnv(env []string) error {
	for _, kv := range env {
		if _, _, ok := cutEnv(kv); !ok {
			return fmt.Errorf("got --env %q, want NAME=VALUE", kv)
		}
	}
	return nil
}
