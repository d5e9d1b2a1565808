package agent_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/wire/link"
	"github.com/caprock/caprock/wire/mesos"
)

// With recover=cleanup an agent ends everything that the one before left running,
// and then itself. The next is a new agent, with the volumes of the old one.
func TestRecoverCleanup(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	v := reserved(64, "db")
	alloc.reserve(reserved(64, ""))
	alloc.createVolume(v)
	alloc.launch(framework(), on(shell("t", "echo kept > data/f; echo $$ > pid; exec sleep 1000"), v))
	alloc.pod("p", true, shell("member", "echo $$ > pid; exec sleep 1000"))
	alloc.await("t", mesos.TaskState_TASK_RUNNING)
	alloc.await("member", mesos.TaskState_TASK_RUNNING)
	n.eventually("the pids", func() bool { return n.podFile("member", "pid") != "" && n.exists("t", "pid") })
	pids := []string{n.read("t", "pid"), n.podFile("member", "pid")}
	n.halt()
	if err := runOnce(t, n, func(o *agent.Options) { o.Recover = agent.Cleanup }); err != nil {
		t.Fatalf("cleanup: %v", err)
	}
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + strings.TrimSpace(pid)); err == nil {
			t.Errorf("process %s of a task is left", pid)
		}
	}
	registers := len(alloc.registers)
	n.start()
	alloc.wait("the agent again", func() bool { return len(alloc.registers) > registers })
	r := alloc.registers[registers]
	if r.Agent.GetId().GetValue() == "" || len(r.Tasks)+len(r.Executors) > 0 {
		t.Errorf("registered as %v with %d tasks, want the same agent without tasks", r.Agent.Id, len(r.Tasks))
	}
	has := false
	for _, res := range r.Total {
		has = has || res.GetDisk().GetPersistence().GetId() == "db"
	}
	if b, err := os.ReadFile(filepath.Join(n.volume("db"), "f")); !has || err != nil || string(b) != "kept\n" {
		t.Errorf("the agent has the volume: %v; in it is %q, %v", has, b, err)
	}
}

func (n *node) exists(executor, file string) bool {
	info, err := os.Stat(filepath.Join(n.sandbox(executor), file))
	return err == nil && info.Size() > 0
}

// A record that was damaged costs what it said and nothing else; a copy of it is
// kept. A strict agent does not start on it.
func TestDamagedRecord(t *testing.T) {
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	alloc.launch(framework(), shell("before", "sleep 1000"))
	alloc.await("before", mesos.TaskState_TASK_RUNNING)
	alloc.launch(framework(), shell("victim", "sleep 1000"))
	alloc.await("victim", mesos.TaskState_TASK_RUNNING)
	alloc.launch(framework(), shell("after", "sleep 1000"))
	alloc.await("after", mesos.TaskState_TASK_RUNNING)
	alloc.allApplied()
	n.halt()
	if !damage(t, filepath.Join(n.dir, "meta", "state"), "victim") {
		t.Fatal("no record has the victim in it")
	}
	err := runOnce(t, n, func(o *agent.Options) { o.Strict = true })
	if err == nil || !strings.Contains(err.Error(), "records lost: 1") {
		t.Fatalf("strict: got %v, want that a record is lost", err)
	}
	registers := len(alloc.registers)
	n.start()
	alloc.wait("the agent", func() bool { return len(alloc.registers) > registers })
	r := alloc.registers[registers]
	if r.Agent.GetId().GetValue() != agentID || len(r.Tasks) != 2 {
		t.Errorf("registered as %v with tasks %v, want the old id and the two whole tasks", r.Agent.Id, r.Tasks)
	}
	kept, err := filepath.Glob(filepath.Join(n.dir, "meta", "quarantine", "*", "log-*"))
	if err != nil || len(kept) == 0 {
		t.Errorf("no copy of the damaged state is kept: %v", err)
	}
	for _, id := range []string{"before", "after"} {
		alloc.kill(id)
		alloc.await(id, mesos.TaskState_TASK_KILLED)
	}
	// What the allocator holds and the agent lost is answered for.
	alloc.mu.Lock()
	alloc.push(&link.Down{Body: &link.Down_ReconcileTasks{ReconcileTasks: &link.ReconcileTasks{Tasks: []*link.ReconcileTasks_Task{{
		Framework: framework(), TaskId: &mesos.TaskID{Value: new("victim")},
	}}}}})
	alloc.mu.Unlock()
	alloc.await("victim", mesos.TaskState_TASK_LOST)
}

// The process of a member of a group, or of a container nested in a task, that nobody answers for
// any more ends, although what it is in lives on. Groups that tasks made are left alone.
func TestLostContainerInALiveOne(t *testing.T) {
	if os.Geteuid() != 0 || isolationForTest() != runner.Auto {
		t.Skip("SKIP-ENV: needs cgroups")
	}
	alloc := newAllocator(t)
	n := startNode(t, alloc, nil)
	line := "echo $$ > pid; exec sleep 1000"
	for i, id := range []string{"kept", "lost"} {
		alloc.pod("p", i == 0, shell(id, line))
		alloc.await(id, mesos.TaskState_TASK_RUNNING)
		n.eventually("its pid", func() bool { return n.podFile(id, "pid") != "" })
	}
	root := running(t, alloc, shell("t", line))
	n.launched("LAUNCH_CONTAINER", idJSON(root, "gone"), command(line))
	alloc.allApplied()
	nested := filepath.Join("containers", "gone", "pid")
	n.eventually("its pid", func() bool { return n.exists("t", nested) })
	theirs := makeGroupBelow(t, n.read("t", "pid"))
	n.halt()
	damage(t, filepath.Join(n.dir, "meta", "state"), "fw/lost")
	for damage(t, filepath.Join(n.dir, "meta", "state"), ".gone") {
	}
	n.start()
	alive := func(pid string) bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	for _, pid := range []string{n.podFile("lost", "pid"), n.read("t", nested)} {
		n.eventually("the end of what nobody knows", func() bool { return !alive(pid) })
	}
	if !alive(n.podFile("kept", "pid")) || !alive(n.read("t", "pid")) {
		t.Error("what is known was ended too")
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("the group that a task made: %v", err)
	}
}

// makeGroupBelow makes a cgroup below that of a process, as the process itself might.
func makeGroupBelow(t *testing.T, pid string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			if dir := mount + at + "/theirs"; os.Mkdir(dir, 0o755) == nil {
				return dir
			}
		}
	}
	t.Skip("SKIP-ENV: no unified hierarchy")
	return ""
}

// damage flips a bit in the first whole record of the logs in dir that text is in; false if there is none.
func damage(t *testing.T, dir, text string) bool {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "log-*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	const fileHeader, frameHeader = 8, 8
	for _, log := range logs {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for at := fileHeader; at < len(b); {
			size := frameHeader + int(binary.LittleEndian.Uint32(b[at:]))
			sum := crc32.Checksum(append(b[at:at+4:at+4], b[at+frameHeader:at+size]...), crc32.MakeTable(crc32.Castagnoli))
			if sum == binary.LittleEndian.Uint32(b[at+4:]) && bytes.Contains(b[at:at+size], []byte(text)) {
				b[at+size-1] ^= 1
				if err := os.WriteFile(log, b, 0o600); err != nil {
					t.Fatal(err)
				}
				return true
			}
			at += size
		}
	}
	return false
}

// Options that contradict the words that there are.
func TestRecoveryOptions(t *testing.T) {
	for text, edit := range map[string]func(*agent.Options){
		`recover: got "restart"`:                   func(o *agent.Options) { o.Recover = "restart" },
		`reconfiguration_policy: got "some"`:       func(o *agent.Options) { o.ReconfigurationPolicy = "some" },
		`executor_reregistration_timeout: got 16s`: func(o *agent.Options) { o.ExecutorReregistrationTimeout = 16e9 },
	} {
		o := agent.Options{Allocator: "http://127.0.0.1:1", WorkDir: t.TempDir(), Hostname: "h"}
		edit(&o)
		a, err := agent.New(o)
		if err == nil {
			err = a.Run(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}
