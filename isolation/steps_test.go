package isolation

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// playDoomedAgent launches a task and a pod and tears them down, and kills itself before the step
// that the environment names. What it says is the step it died at, or "done".
func playDoomedAgent() {
	var o Options
	if err := json.Unmarshal([]byte(os.Getenv("CAPROCK_TEST_OPTIONS")), &o); err != nil {
		panic(err)
	}
	last, err := strconv.Atoi(os.Getenv("CAPROCK_TEST_STEP"))
	if err != nil {
		panic(err)
	}
	o.Logger = quiet
	n := 0
	o.Step = func(what string) {
		if n == last {
			fmt.Print(what)
			unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		}
		n++
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	h, err := Open(o)
	must(err)
	g, err := h.Create("task", Limits{CPUMilli: 100, MemBytes: 64 << 20, MemSoftBytes: 32 << 20})
	must(err)
	s := shell("sleep 600 & sleep 600")
	s.Env = append(s.Env, "CAPROCK_TEST_MARK="+o.Root)
	s.Namespaces = Namespaces{PID: true, Mount: true, IPC: true}
	_, err = h.Start(g, s)
	must(err)
	must(g.Destroy())

	// A pod, whose namespaces are kept for its members.
	pod, err := h.Create("pod", Limits{CPUMilli: 100})
	must(err)
	must(h.Hold(pod, &Spec{Namespaces: Namespaces{PID: true, Mount: true, IPC: true}}))
	holders, err := pod.OwnPids()
	must(err)
	member, err := h.CreateBelow("pod", "member")
	must(err)
	s.Namespaces = Namespaces{}
	left, err := InSpace(holders[0], &s)
	must(err)
	_, err = h.Start(member, s)
	must(err)
	left()
	must(member.Destroy())
	must(pod.Destroy())
	must(h.Close())
	fmt.Print("done")
}

// marked lists the processes that a doomed agent started.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), "CAPROCK_TEST_MARK="+mark) {
			found = append(found, filepath.Dir(f))
		}
	}
	return found
}

// An agent that is killed between any two steps of a launch or a teardown leaves
// behind what the next one finds and removes, and nothing else.
func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	for _, withBPF := range []bool{false, true} {
		t.Run(fmt.Sprintf("bpf=%t", withBPF), func(t *testing.T) {
			var steps []string
			for step := 0; ; step++ {
				died := dieAt(t, testOptions(t, withBPF), step)
				if died == "done" {
					break
				}
				kind, _, _ := strings.Cut(died, " ")
				steps = append(steps, kind)
				if step > 100 {
					t.Fatalf("steps without end: %q", steps)
				}
			}
			text := strings.Join(steps, " ")
			t.Logf("%d steps: %s", len(steps), text)
			for _, want := range []string{"make", "write", "start start note kill remove"} {
				if !strings.Contains(text, want) {
					t.Errorf("no agent died at %q, of %s", want, text)
				}
			}
			if strings.Contains(text, "account") != withBPF {
				t.Errorf("accounting: %s", text)
			}
		})
	}
}

// dieAt runs an agent to its death at a step and clears up after it.
func dieAt(t *testing.T, o Options, step int) (died string) {
	t.Helper()
	o.Logger = nil
	options, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), roleEnv+"=doomed", "CAPROCK_TEST_OPTIONS="+string(options), fmt.Sprintf("CAPROCK_TEST_STEP=%d", step))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("step %d: %v", step, err)
	}
	died, o.Logger = string(out), quiet
	h := openHost(t, o)
	names, err := h.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		g, err := h.Group(name)
		if err != nil {
			t.Fatalf("step %d, %s: %v", step, died, err)
		}
		if err := g.Destroy(); err != nil {
			t.Fatalf("step %d, %s: %v", step, died, err)
		}
	}
	// What the kernel kills it takes away a moment later.
	for deadline := time.Now().Add(time.Minute); len(marked(t, o.Root)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("step %d, %s: processes are left: %v", step, died, marked(t, o.Root))
		}
	}
	if names, err := h.List(); err != nil || len(names) > 0 {
		t.Errorf("step %d, %s: groups are left: %v, %v", step, died, names, err)
	}
	if h.bpf != nil {
		// No account is open any more.
		if err := h.bpf.Retain(nil); err != nil {
			t.Error(err)
		}
	}
	removeHost(t, h)
	return died
}
