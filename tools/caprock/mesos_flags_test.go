package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/tools/flags"
)

// allocFlags are the flags of `caprock alloc` as its user has them.
func allocFlags(t *testing.T) *pflag.FlagSet {
	t.Helper()
	cmd, _, err := root().Find([]string{"alloc"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	return cmd.Flags()
}

// Each flag of Mesos' master is had, accepted and said to have no effect, or
// refused with a reason.
func TestEveryFlagOfMesosMasterIsAnswered(t *testing.T) {
	all := flags.MesosFlags()
	if len(all) != 78 {
		t.Errorf("got %d flags of Mesos' master, want 78", len(all))
	}
	for i, m := range all {
		if i > 0 && all[i-1].Name >= m.Name {
			t.Errorf("%s: out of order, or there twice", m.Name)
		}
		for _, name := range []string{m.Name, m.OldName} {
			if name != "" {
				checkMesosFlag(t, m, name)
			}
		}
	}
}

func checkMesosFlag(t *testing.T, m flags.MesosFlag, name string) {
	t.Helper()
	fs := allocFlags(t)
	f := fs.Lookup(name)
	if f == nil {
		t.Errorf("--%s: got no flag", name)
		return
	}
	switch m.Verdict {
	case flags.Own:
		if f.Hidden {
			t.Errorf("--%s is said to be had, and is hidden", name)
		}
	case flags.Ignored:
		if err := fs.Set(name, "7"); err != nil || !saysInVain(fs, m) {
			t.Errorf("--%s=7: got %v, %q, want it accepted and a word about that", name, err, flags.GivenInVain(fs))
		}
	case flags.Only:
		if err := fs.Set(name, "nonsense"); err == nil || !strings.Contains(err.Error(), m.Values[0]) || !strings.Contains(err.Error(), m.Note) {
			t.Errorf("--%s=nonsense: got %v, want a refusal that says %v and why", name, err, m.Values)
		}
		for _, v := range m.Values {
			if err := fs.Set(name, v); err != nil || !saysInVain(fs, m) {
				t.Errorf("--%s=%s: got %v, want it accepted and a word about that", name, v, err)
			}
		}
	case flags.Refused:
		if err := fs.Set(name, "x"); err == nil || m.Note == "" || !strings.Contains(err.Error(), m.Note) {
			t.Errorf("--%s=x: got %v, want a refusal that says why: %s", name, err, m.Note)
		}
	default:
		t.Errorf("--%s: got verdict %q", name, m.Verdict)
	}
}

func saysInVain(fs *pflag.FlagSet, m flags.MesosFlag) bool {
	said := flags.GivenInVain(fs)
	return len(said) == 1 && strings.Contains(said[0], strings.ReplaceAll(m.Name, "_", "-")) && strings.Contains(said[0], m.Note) && m.Note != ""
}

// A start script of Mesos, as far as Caprock can follow it.
func TestAStartScriptOfMesos(t *testing.T) {
	cmd, _, err := root().Find([]string{"alloc"})
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Fields("--work_dir=/x --quorum=1 --registry=in_memory --no-authenticate_agents --slave_ping_timeout=5secs " +
		"--max_slave_ping_timeouts=3 --agent_removal_rate_limit=1/10mins --recovery_slave_removal_limit=100% --offer_constraints_re2_max_mem=8KB")
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	fs := cmd.Flags()
	for name, want := range map[string]string{
		"agent-ping-timeout": "5secs", "max-agent-ping-timeouts": "3", "agent-removal-rate-limit": "1/10mins",
		"recovery-agent-removal-limit": "100%", "offer-constraints-re2-max-mem": "8KB",
	} {
		if got := fs.Lookup(name).Value.String(); got != want {
			t.Errorf("--%s: got %s, want %s", name, got, want)
		}
	}
	if said := flags.GivenInVain(fs); len(said) != 3 {
		t.Errorf("got %q, want a word about quorum, registry and authenticate_agents", said)
	}
	for _, arg := range []string{"--authenticate_agents", "--zk=zk://h:2181/mesos", "--acls=/etc/acls", "--agent_removal_rate_limit=10"} {
		if err := cmd.ParseFlags([]string{arg}); err == nil {
			t.Errorf("%s was accepted", arg)
		}
	}
}
