package agent_test

import (
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"

	"github.com/caprock/caprock/wire/mesos"
)

// A task runs as the user it names, in a sandbox that is that user's.
func TestSwitchUser(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("SKIP-ENV: needs root and a user nobody")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	f := framework()
	f.User = new("nobody")
	src := t.TempDir() + "/secret"
	if err := os.WriteFile(src, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	thief := shell("thief", "cat secret")
	thief.Command.Uris = []*mesos.CommandInfo_URI{{Value: &src}}
	root := shell("root", "id -un")
	root.Command.User = new("root")
	stranger := shell("stranger", "true")
	stranger.Command.User = new("no-such-user-here")
	alloc.launch(f, shell("t", "id -un; id -G; echo x > made"), thief, root, stranger)
	alloc.await("t", mesos.TaskState_TASK_FINISHED)
	if got := n.read("t", "stdout"); !strings.HasPrefix(got, "nobody\n"+nobody.Gid+"\n") {
		t.Errorf("stdout %q", got)
	}
	for _, name := range []string{"", "/stdout", "/made"} {
		info, err := os.Stat(n.sandbox("t") + name)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 65534 {
			t.Errorf("%q belongs to %d", name, st.Uid)
		}
	}
	if info, err := os.Stat(n.sandbox("t")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("sandbox: %v %v", info, err)
	}
	alloc.await("root", mesos.TaskState_TASK_FINISHED)
	if got := n.read("root", "stdout"); got != "root\n" {
		t.Errorf("root: stdout %q", got)
	}
	if st := alloc.await("thief", mesos.TaskState_TASK_FAILED); st.GetReason() != mesos.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED {
		t.Errorf("thief: %v", st)
	}
	if st := alloc.await("stranger", mesos.TaskState_TASK_LOST); st.GetReason() != mesos.TaskStatus_REASON_EXECUTOR_TERMINATED {
		t.Errorf("stranger: %v", st)
	}
	if _, state := n.get("/state"); strings.Contains(state, "stranger") || !strings.Contains(state, "thief") {
		t.Errorf("an executor that could not be is shown, or one that failed is not: %s", state)
	}
}

func TestUnknownUserLosesTheTask(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: without root no user is looked up")
	}
	alloc := newAllocator(t)
	startNode(t, alloc, nil)
	task := shell("t", "true")
	task.Command.User = new("nosuchuser")
	alloc.launch(framework(), task)
	// As in Mesos, where no sandbox can be made for it: lost, not failed.
	st := alloc.await("t", mesos.TaskState_TASK_LOST)
	if st.GetReason() != mesos.TaskStatus_REASON_EXECUTOR_TERMINATED || !strings.Contains(st.GetMessage(), "nosuchuser") {
		t.Errorf("got %v, want EXECUTOR_TERMINATED and the user's name", st)
	}
}
