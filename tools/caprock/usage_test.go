package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// failing runs a command that must not work, and returns what the program would say.
func failing(t *testing.T, args ...string) string {
	t.Helper()
	cmd := root()
	cmd.SetArgs(args)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	if err == nil {
		t.Errorf("caprock %s: got no error, want one", strings.Join(args, " "))
		return ""
	}
	return err.Error()
}

func TestMistakesAreToldWithWhatIsWanted(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"nosuch", `got "nosuch" after caprock, want one of agent, alloc, `},
		{"bench nosuch", `got "nosuch" after caprock bench, want one of agent, calls, cycle, `},
		{"bench paper nosuch", `got "nosuch" after caprock bench paper, want one of fairness, recovery, scalability`},
		{"bench fleet extra", `got "extra" after caprock bench fleet, want flags only`},
		{"bench replay", "got nothing after caprock bench replay, want DIR; `caprock bench replay --help` says more"},
		{"dev extra", `got "extra" after caprock dev, want flags only`},
		{"dev --agents=x", "--agents: got \"x\", want a whole number; `caprock dev --help` lists the flags"},
		{"dev --agents=0", "--agents: got 0, want 1 to 1000"},
		{"logs", "got nothing after caprock logs, want TASK"},
		{"logs a b", `got "a b" after caprock logs, want TASK`},
		{"files", "got nothing after caprock files, want TASK [PATH]"},
		{"attach", "got nothing after caprock attach, want TASK"},
		{"logs --allocator=http:// a", `--allocator: got "http://", want http://host:port`},
		{"run --allocator=nosuch -- true", `--allocator: got "nosuch", want http://host:port`},
		{"bench fleet --allocator=:5050", `--allocator: got ":5050", want http://host:port`},
		{"logs --allocator=127.0.0.1:1 a", "asking the allocator at http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused; --allocator names another"},
		{"exec --allocator=127.0.0.1:1 a -- b", "asking the allocator at http://127.0.0.1:1: "},
		{"explain --allocator=127.0.0.1:1 --framework=a", "asking the allocator at http://127.0.0.1:1: "},
		{"agent --work-dir=/nosuch", "got no --allocator, want the allocator's URL"},
		{"agent --allocator=127.0.0.1:1 --gc-delay=x", "--gc-delay: "},
		{"alloc --port=70000", `--port: got "70000", want a whole number from 0 to 65535`},
		{"bench fleet --allocator=127.0.0.1:1 --agents=1", "no allocator answers at http://127.0.0.1:1: "},
		{"bench storm --quick --alloc-flags=--nosuch", "the allocator ended before it served (exit status 1): unknown flag: --nosuch"},
		{"bench fleet --html=/nosuch/page.html", `--html: got "/nosuch/page.html", want a file in a directory that is there`},
		{"bench fleet --quick --workload=kinds", "[quick workload]"},
		{"bench cycle --agents=0", "got --agents=0, want 1 to 1000000"},
		{"bench isolation --groups=0", "got --groups=0, want 1 to 20000"},
		{"bench replay --quota-scope=x .", `--quota-scope: got "x", want role or subtree`},
		{"bench replay run.go", "1 of 1 histories are decided differently"},
		{"bench replay ../shell", "got no .txt file below ../shell, want recorded histories"},
		{"bench report --history=/nosuch", "/nosuch: got no run, want files SCENARIO-DATE.json"},
		{"bench calls --window=5", `--window: got "5", want a duration such as 500ms`},
	} {
		if got := failing(t, strings.Fields(c.args)...); !strings.Contains(got, c.want) {
			t.Errorf("caprock %s:\n got %s\nwant %s", c.args, got, c.want)
		}
	}
}

func TestEveryCommandAndFlagIsDescribed(t *testing.T) {
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		if cmd.Hidden {
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: got the description %q, want one without a full stop", cmd.CommandPath(), cmd.Short)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" && !f.Hidden {
				t.Errorf("%s: --%s has no description", cmd.CommandPath(), f.Name)
			}
			if strings.Contains(f.Usage, "0ns") || strings.Contains(f.Usage, "0B:") {
				t.Errorf("%s: --%s: got %q, want the default as it works", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	look(root())
}
