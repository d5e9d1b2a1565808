package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
)

// A task that behaves badly hurts nobody else, and can be ended.
func TestBadNeighbours(t *testing.T) {
	if _, err := os.Stat("/bin/bash"); err != nil {
		t.Skipf("SKIP-ENV: dash gives up when a fork fails: %v", err)
	}
	for name, c := range map[string]struct {
		line string
		// bad says that it is in full swing.
		bad func(r *runs) bool
	}{
		"fork bomb": {"exec bash -c 'b() { while :; do (b) & done 2>/dev/null; }; b'", func(r *runs) bool {
			u, err := r.runner.Usage("bad")
			return err == nil && u.Processes > 100
		}},
		"memory hog": {"while :; do tail /dev/zero; done", func(r *runs) bool {
			u, err := r.runner.Usage("bad")
			return err == nil && u.OOMKills > 0
		}},
		"deaf to SIGTERM": {"trap '' TERM; echo > ready; while :; do :; done", func(r *runs) bool {
			_, err := os.Stat(filepath.Join(r.dir, "slaves/bad/ready"))
			return err == nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuns(t, runner.Auto)
			limits := core.Limits{CPUMilli: 100, MemBytes: 48 << 20}
			r.begin(t, core.Launch{ID: "good", Limits: limits}, "while :; do echo x >>beats; sleep 0.01; done")
			r.begin(t, core.Launch{ID: "bad", Limits: limits}, c.line)
			eventually(t, "the worst", func() bool { return c.bad(r) })
			beats := func() int64 {
				info, err := os.Stat(filepath.Join(r.dir, "slaves/good/beats"))
				if err != nil {
					return 0
				}
				return info.Size()
			}
			before := beats()
			eventually(t, "the neighbour to go on", func() bool { return beats() > before+10 })
			r.runner.Do(core.Signal{ID: "bad", Signal: 15})
			r.runner.Do(core.KillAll{ID: "bad"})
			for ended := false; !ended; {
				switch x := r.next(t).(type) {
				case core.Exited:
					if x.ID != "bad" {
						t.Fatalf("%s ended", x.ID)
					}
					ended = true
				case core.Limited:
					if x.ID != "bad" {
						t.Fatalf("%s was taken for the hog", x.ID)
					}
				}
			}
			r.runner.Do(core.Destroy{ID: "bad"})
			r.runner.Wait()
			if u, err := r.runner.Usage("bad"); err == nil {
				t.Errorf("something is left of it: %+v", u)
			}
			before = beats()
			eventually(t, "the neighbour to go on", func() bool { return beats() > before })
		})
	}
}

// What containers of others have got wrong, tried in every mode, as a command, as a
// member of a pod, and as a check.
func TestLessons(t *testing.T) {
	probes := map[string]string{
		// A descriptor that leaks is a way out.
		"descriptors": "ls /proc/self/fd | tr '\\n' ' '",
		// Whoever may write there runs programs on the host. It would get what it has.
		"release agent":   "for f in /sys/fs/cgroup/*/release_agent; do [ -e $f ] && (cat $f >$f) 2>/dev/null && echo -n wrote; done; :",
		"mount":           "mount -t tmpfs none /mnt 2>/dev/null && echo -n mounted; :",
		"user namespace":  "unshare -U true 2>/dev/null && echo -n made; :",
		"agent's program": fmt.Sprintf("(: <>/proc/%d/exe) 2>/dev/null && echo -n open; :", os.Getpid()),
		"agent's files":   fmt.Sprintf("for f in /proc/%d/fd/*; do readlink $f; (: <$f) && echo -n open; done 2>/dev/null; :", os.Getpid()),
		"host's kernel":   "(echo 1 >/proc/sysrq-trigger) 2>/dev/null && echo -n wrote; :",
		// A name there is a program that the kernel runs, as root of the host.
		"core pattern": "(: >>/proc/sys/kernel/core_pattern) 2>/dev/null && echo -n open; :",
		// Whoever may write there takes what others were given.
		"own limits": "d=$(sed -n 's,^0::,,p' /proc/self/cgroup); for r in /sys/fs/cgroup /sys/fs/cgroup/unified; do " +
			"[ -e $r$d/cgroup.freeze ] && (echo 0 >$r$d/cgroup.freeze) 2>/dev/null && echo -n wrote; done; :",
		"rights":      "sed -n 's/^\\(NoNewPrivs\\|Seccomp\\):\\t//p' /proc/self/status | tr '\\n' ' '",
		"set-user-ID": "cp $(command -v id) . 2>/dev/null && chmod u+s id && su -s /bin/sh nobody -c './id -u' 2>/dev/null | grep -c '^0$'; :",
	}
	want := map[string]string{"descriptors": "0 1 2 3 ", "rights": "1 2 ", "set-user-ID": "0\n"}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r := newRuns(t, mode)
			r.begin(t, core.Launch{ID: "checked"}, "exec sleep 60")
			n := 0
			for name, line := range probes {
				n++
				if got, why := r.run(t, core.Launch{ID: fmt.Sprintf("command%d", n)}, line); got != want[name] {
					t.Errorf("%s, a command: got %q, %s; want %q", name, got, why, want[name])
				}
				if got, why := r.run(t, core.Launch{ID: fmt.Sprintf("member%d", n), Pod: "pod"}, line); got != want[name] {
					t.Errorf("%s, a member of a pod: got %q, %s; want %q", name, got, why, want[name])
				}
				if got := r.checked(t, "checked", line); got != want[name] {
					t.Errorf("%s, a check: got %q, want %q", name, got, want[name])
				}
			}
		})
	}
}

// checked is what a command prints that runs in container id as a check does.
func (r *runs) checked(t *testing.T, id, line string) string {
	t.Helper()
	file := filepath.Join(r.dir, "of-a-check")
	p, err := r.runner.Join(t.Context(), id, &core.CheckCommand{Path: "/bin/sh", Directory: r.dir,
		Args: []string{"sh", "-c", "{ " + strings.TrimSuffix(line, ";") + "; } >" + file}, Env: []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Exited():
	case <-time.After(time.Minute):
		t.Fatalf("%s has not ended", line)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
