package runner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caprock/caprock/agent/core"
	"github.com/caprock/caprock/agent/runner"
	"github.com/caprock/caprock/isolation"
)

// lessons prints what a process is and may do, and tries what it must not.
const lessons = `
grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|SigBlk|SigIgn):' /proc/self/status
echo "fds:" $(ls /proc/$$/fd)
echo "nofile:" $(ulimit -Sn)
echo "umask:" $(umask)
echo "cwd:" $(readlink /proc/$$/cwd)
echo "session:" $([ "$(cut -d' ' -f6 /proc/$$/stat)" = "$(cut -d' ' -f5 /proc/$$/stat)" ] && echo own)
echo "agent:" $(tr '\0' '\n' </proc/$$/environ | grep -c AGENT_SECRET)
echo "did:" $(mount -t tmpfs none /mnt 2>/dev/null && echo mount; unshare -U true 2>/dev/null && echo unshare; mknod ./null-$$ b 7 0 2>/dev/null && (: <./null-$$) 2>/dev/null && echo device
	chroot --help >/dev/null 2>&1; kill -0 AGENT 2>/dev/null && [ "$(id -u)" != 0 ] && echo signalled; readlink /proc/AGENT/exe 2>/dev/null; (: </proc/AGENT/mem) 2>/dev/null && echo memory)
`

// Every way in which the agent starts a process takes the same rights from it, and leaves
// it the same little.
func TestEveryWayToStartAProcess(t *testing.T) {
	t.Setenv("AGENT_SECRET", "canary")
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			r := newRuns(t, mode)
			out := filepath.Join(r.dir, "out")
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(out, 0o777); err != nil {
				t.Fatal(err)
			}
			line := func(file string) string {
				return "(" + strings.ReplaceAll(lessons, "AGENT/", fmt.Sprint(os.Getpid(), "/")) + ") >" + file + " 2>&1; :"
			}
			r.pod(t, "pod", nil)
			for name, l := range map[string]core.Launch{
				"command": {ID: "c"}, "command of nobody": {ID: "cn", User: "nobody"},
				"member":            {ID: "pod/m", Pod: "pod", Shared: true},
				"member alone":      {ID: "pod.a", Pod: "pod"},
				"standalone":        {ID: "s-x"},
				"session":           {ID: "host/s", Pod: "host", Shared: true, IO: &core.IO{Session: true}},
				"session of nobody": {ID: "host/sn", Pod: "host", Shared: true, User: "nobody", IO: &core.IO{Session: true}},
				"nested":            {ID: "host/n", Pod: "host", Shared: true},
				"check":             {ID: "host"},
			} {
				if l.Pod == "host" || name == "check" {
					r.begin(t, core.Launch{ID: "host"}, "exec sleep 60")
				}
				file := filepath.Join(out, strings.ReplaceAll(name, " ", "-"))
				cwd := ""
				if name == "check" {
					p, err := r.runner.Join(t.Context(), "host", &core.CheckCommand{Path: "/bin/sh", Directory: r.dir, Args: []string{"sh", "-c", line(file)}, Env: []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}})
					if err != nil {
						t.Fatal(err)
					}
					<-p.Exited()
					cwd = r.dir
				} else if _, failed := r.run(t, l, line(file)); failed != "" {
					t.Errorf("%s: %s", name, failed)
					continue
				}
				if l.Pod == "host" || name == "check" {
					r.runner.Do(core.KillAll{ID: "host"})
					r.next(t)
					r.runner.Do(core.Destroy{ID: "host"})
					r.runner.Wait()
				}
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got := parseStatus(string(b))
				all := isolation.DefaultCapabilities & own(t)
				want := map[string]string{"CapBnd": hex(all), "CapEff": hex(all), "CapPrm": hex(all), "CapInh": hex(all), "CapAmb": hex(0), "NoNewPrivs": "1", "Seccomp": "2",
					"SigBlk": hex(0), "SigIgn": hex(0), "Groups": "", "fds": "0 1 2", "nofile": "1024", "umask": "0022", "session": "own", "agent": "0", "did": ""}
				if l.User == "nobody" {
					want["CapEff"], want["CapPrm"], want["CapInh"] = hex(0), hex(0), hex(0)
					want["Uid"], want["Groups"] = "65534\t65534\t65534\t65534", "65534"
				}
				if cwd != "" {
					want["cwd"] = cwd
				}
				if mode != runner.Auto {
					got["did"] = strings.ReplaceAll(got["did"], "device", "") // only there, or if they are named, devices are bounded
				}
				expect(t, name, got, want)
				if dir := got["cwd"]; !strings.HasPrefix(dir, r.dir) {
					t.Errorf("%s: works in %q, want its sandbox below %s", name, dir, r.dir)
				}
			}
		})
	}
}
