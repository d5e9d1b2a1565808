package flags

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// mesosAlloc says what became of each flag of Mesos' master, a line each: name, old
// name if it had one, verdict, note; separated by tabs.
//
//go:embed mesos_alloc.tsv
var mesosAlloc string

// Verdict is what became of a flag of Mesos.
type Verdict string

const (
	Own     Verdict = "own"     // the command has it and means the same by it
	Ignored Verdict = "ignored" // it is accepted and said to have no effect
	Only    Verdict = "only"    // some of its values are accepted, without effect
	Refused Verdict = "refused" // it is an error, which says why
)

// MesosFlag is a flag of Mesos' master.
type MesosFlag struct {
	Name, OldName string // in Mesos' spelling, with underscores
	Verdict       Verdict
	Values        []string // of Only: those that are accepted
	Note          string   // why; of Own: what differs, if anything does
}

// MesosFlags are all flags of Mesos' master, sorted by name.
var MesosFlags = sync.OnceValue(func() []MesosFlag {
	var all []MesosFlag
	for line := range strings.Lines(mesosAlloc) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		m := MesosFlag{Name: f[0], OldName: f[1], Verdict: Verdict(f[2]), Note: f[3]}
		if m.Verdict == Only {
			values, note, _ := strings.Cut(m.Note, ": ")
			m.Values, m.Note = strings.Fields(values), note
		}
		all = append(all, m)
	}
	return all
})

// newNames are Mesos' new names of flags by the old ones, both with dashes.
var newNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for _, m := range MesosFlags() {
		if m.OldName != "" {
			names[dashes(m.OldName)] = dashes(m.Name)
		}
	}
	return names
})

func dashes(name string) string { return strings.ReplaceAll(name, "_", "-") }

// AddMesos gives fs the flags of Mesos' master that Caprock does not have, hidden, so
// that a start script of Mesos works as far as it can and says where it cannot.
func AddMesos(fs *pflag.FlagSet) {
	for _, m := range MesosFlags() {
		if m.Verdict == Own {
			continue
		}
		kind := "string"
		if slices.Contains(m.Values, "false") {
			kind = "bool"
		}
		f := fs.VarPF(&mesosValue{flag: m, kind: kind}, dashes(m.Name), "", m.Note)
		f.Hidden = true
		if kind == "bool" {
			f.NoOptDefVal = "true"
		}
	}
}

// GivenInVain are sentences about the flags that were given and have no effect.
func GivenInVain(fs *pflag.FlagSet) (all []string) {
	fs.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*mesosValue); ok {
			all = append(all, fmt.Sprintf("--%s has no effect: %s", f.Name, v.flag.Note))
		}
	})
	return all
}

// mesosValue is the value of a flag that has no effect.
type mesosValue struct {
	flag       MesosFlag
	kind, text string
}

func (v *mesosValue) String() string { return v.text }
func (v *mesosValue) Type() string   { return v.kind }

func (v *mesosValue) Set(text string) error {
	switch {
	case v.flag.Verdict == Refused:
		return fmt.Errorf("this flag of Mesos has no counterpart: %s", v.flag.Note)
	case v.flag.Verdict == Only && !slices.Contains(v.flag.Values, text):
		return fmt.Errorf("got %q, want %s: %s", text, strings.Join(v.flag.Values, " or "), v.flag.Note)
	}
	v.text = text
	return nil
}
