package flags

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// EnvPrefix starts the name of every environment variable that sets a flag.
const EnvPrefix = "CAPROCK_"

// Normalize makes underscores and dashes equal in flag names, so that
// --work_dir of a Mesos start script is --work-dir, and takes Mesos' old names
// (--slave_ping_timeout) for the new ones.
func Normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	name = strings.ReplaceAll(name, "_", "-")
	no, bare := "", name
	if rest, negated := strings.CutPrefix(name, "no-"); negated {
		no, bare = "no-", rest
	}
	if newer, ok := newNames()[bare]; ok {
		return pflag.NormalizedName(no + newer)
	}
	return pflag.NormalizedName(name)
}

// DurationVar defines a duration flag with Mesos' text form. The usage says what 0 means if
// that is the default.
func DurationVar(fs *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	f := fs.VarPF((*Duration)(p), name, "", usage)
	if value == 0 {
		f.DefValue = ""
	}
}

// AddNegations adds a hidden --no-X for every boolean flag X of fs, the form
// in which Mesos switches a flag off.
func AddNegations(fs *pflag.FlagSet) {
	var booleans []*pflag.Flag
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			booleans = append(booleans, f)
		}
	})
	for _, f := range booleans {
		no := fs.VarPF(negation{fs, f}, "no-"+f.Name, "", "same as --"+f.Name+"=false")
		no.NoOptDefVal = "true"
		no.Hidden = true
	}
}

// negation sets its flag to the opposite of what it is given.
type negation struct {
	fs *pflag.FlagSet
	f  *pflag.Flag
}

func (n negation) String() string { return "" }
func (n negation) Type() string   { return "bool" }

func (n negation) Set(text string) error {
	switch text {
	case "true":
		return n.fs.Set(n.f.Name, "false")
	case "false":
		return n.fs.Set(n.f.Name, "true")
	}
	return fmt.Errorf("got %q, want true or false", text)
}

// Resolve fills every flag of fs that the command line left alone from the
// environment and then from the TOML file, whose table named like the command
// wins over its top level. An empty file name means no file. All faults are
// reported at once.
func Resolve(fs *pflag.FlagSet, command, file string, getenv func(string) (string, bool)) error {
	values, err := readFile(fs, command, file)
	if err != nil {
		return err
	}
	var faults []error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || strings.HasPrefix(f.Name, "no-") && f.Hidden {
			return
		}
		env := EnvPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if text, ok := getenv(env); ok {
			if err := fs.Set(f.Name, text); err != nil {
				faults = append(faults, fmt.Errorf("environment variable %s: %w", env, ExplainValue(err)))
			}
			return
		}
		if text, ok := values[f.Name]; ok {
			if err := fs.Set(f.Name, text); err != nil {
				faults = append(faults, fmt.Errorf("%s: key %s: %w", file, f.Name, ExplainValue(err)))
			}
		}
	})
	return errors.Join(faults...)
}

// commands own a table each in the file; any other table is a mistake.
var commands = []string{"alloc", "agent", "dev", "run", "logs", "files", "exec", "attach", "explain"}

// readFile flattens the file into flag name → text. Keys that no flag of the
// command answers to are refused at the command's own table and, since other commands
// may know them, ignored at the top level.
func readFile(fs *pflag.FlagSet, command, file string) (map[string]string, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration file: %w", err)
	}
	var tree map[string]any
	if err := toml.NewDecoder(bytes.NewReader(data)).Decode(&tree); err != nil {
		return nil, fmt.Errorf("%s is not valid TOML: %w", file, err)
	}
	values := map[string]string{}
	for _, table := range commands {
		sub, ok := tree[table].(map[string]any)
		delete(tree, table)
		if !ok || table != command {
			continue
		}
		if err := flatten(values, fs, file, table, sub); err != nil {
			return nil, err
		}
	}
	own := map[string]string{}
	if err := flatten(own, nil, file, "", tree); err != nil {
		return nil, err
	}
	for name, text := range own {
		if _, taken := values[name]; !taken {
			values[name] = text
		}
	}
	return values, nil
}

// flatten writes the scalars of one table as text; with fs, unknown names are
// faults.
func flatten(into map[string]string, fs *pflag.FlagSet, file, table string, tree map[string]any) error {
	keys := make([]string, 0, len(tree))
	for key := range tree {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		name := strings.ReplaceAll(key, "_", "-")
		if fs != nil && fs.Lookup(name) == nil {
			return fmt.Errorf("%s: table [%s] has key %q, want a flag of `caprock %s`", file, table, key, table)
		}
		switch v := tree[key].(type) {
		case string:
			into[name] = v
		case bool, int64, float64:
			into[name] = fmt.Sprint(v)
		case map[string]any:
			return fmt.Errorf("%s: got a table [%s], want one of %s", file, key, strings.Join(commands, ", "))
		default:
			return fmt.Errorf("%s: key %q is a %T, want a string, a number or a boolean", file, key, v)
		}
	}
	return nil
}
