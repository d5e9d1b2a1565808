package flags

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// command is a flag set like those of the program's commands.
func command() (*pflag.FlagSet, *time.Duration, *string, *bool) {
	fs := pflag.NewFlagSet("alloc", pflag.ContinueOnError)
	fs.SetNormalizeFunc(Normalize)
	var interval time.Duration
	DurationVar(fs, &interval, "allocation-interval", time.Second, "")
	dir := fs.String("work-dir", "", "")
	gpu := fs.Bool("filter-gpu-resources", true, "")
	AddNegations(fs)
	return fs, &interval, dir, gpu
}

func noEnv(string) (string, bool) { return "", false }

func TestMesosSpellingsReachTheFlag(t *testing.T) {
	fs, interval, dir, gpu := command()
	args := []string{"--work_dir=/var/lib/x", "--allocation_interval=1.5mins", "--no-filter_gpu_resources"}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if *dir != "/var/lib/x" || *interval != 90*time.Second || *gpu {
		t.Errorf("got dir %q, interval %v, gpu %v", *dir, *interval, *gpu)
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "caprock.toml")
	toml := "work_dir = \"/top\"\nallocation-interval = \"9secs\"\n[alloc]\nwork_dir = \"/table\"\n[agent]\nresources = \"cpus:1\"\n"
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		if name == "CAPROCK_ALLOCATION_INTERVAL" {
			return "7secs", true
		}
		return "", false
	}
	for _, c := range []struct {
		name, wantDir string
		args          []string
		getenv        func(string) (string, bool)
		wantInterval  time.Duration
	}{
		{"file: own table before top level", "/table", nil, noEnv, 9 * time.Second},
		{"environment before file", "/table", nil, env, 7 * time.Second},
		{"command line before all", "/arg", []string{"--work-dir=/arg", "--allocation-interval=2secs"}, env, 2 * time.Second},
	} {
		fs, interval, dir, _ := command()
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if err := Resolve(fs, "alloc", file, c.getenv); err != nil {
			t.Fatal(err)
		}
		if *dir != c.wantDir || *interval != c.wantInterval {
			t.Errorf("%s: got %q %v, want %q %v", c.name, *dir, *interval, c.wantDir, c.wantInterval)
		}
	}
}

func TestBadConfigurationSaysWhere(t *testing.T) {
	for _, c := range []struct{ toml, want string }{
		{"[alloc]\nwerk_dir = \"x\"", `table [alloc] has key "werk_dir"`},
		{"allocation_interval = \"soon\"", "key allocation-interval"},
		{"work_dir = [1]", `key "work_dir"`},
		{"work_dir = ", "not valid TOML"},
	} {
		file := filepath.Join(t.TempDir(), "caprock.toml")
		if err := os.WriteFile(file, []byte(c.toml), 0o600); err != nil {
			t.Fatal(err)
		}
		fs, _, _, _ := command()
		err := Resolve(fs, "alloc", file, noEnv)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want an error with %q", c.toml, err, c.want)
		}
	}
}

func TestChoice(t *testing.T) {
	fs := pflag.NewFlagSet("alloc", pflag.ContinueOnError)
	var scope int
	ChoiceVar(fs, &scope, "quota-scope", 1, map[string]int{"subtree": 1, "role": 2}, "")
	if got := fs.Lookup("quota-scope"); got.DefValue != "subtree" || got.Value.Type() != "role|subtree" {
		t.Errorf("default %q, type %q", got.DefValue, got.Value.Type())
	}
	if err := fs.Parse([]string{"--quota-scope=role"}); err != nil || scope != 2 {
		t.Errorf("got %d, %v, want 2", scope, err)
	}
	if err := fs.Parse([]string{"--quota-scope=tree"}); err == nil || !strings.Contains(err.Error(), `got "tree", want role|subtree`) {
		t.Errorf("got %v", err)
	}
}
