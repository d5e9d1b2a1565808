package flags

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestBytesAndPercentages(t *testing.T) {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	var bytes int
	var part float64
	BytesVar(fs, &bytes, "mem", 4096, "")
	PercentVar(fs, &part, "part", 50, "")
	if text := fs.Lookup("mem").Value.String() + " " + fs.Lookup("part").Value.String(); text != "4KB 50%" {
		t.Errorf("the defaults print as %q, want 4KB 50%%", text)
	}
	for text, want := range map[string]int{"0": 0, "512": 512, "2B": 2, "8KB": 8 << 10, "3MB": 3 << 20, "1GB": 1 << 30} {
		if err := fs.Set("mem", text); err != nil || bytes != want {
			t.Errorf("%q is %d bytes (%v), want %d", text, bytes, err, want)
		}
	}
	for _, text := range []string{"", "-1", "4 KB", "1.5MB", "many", "9999999999TB"} {
		if fs.Set("mem", text) == nil {
			t.Errorf("%q is taken for an amount of memory", text)
		}
	}
	for text, want := range map[string]float64{"100%": 100, "12.5%": 12.5, "0.5%": 0.5} {
		if err := fs.Set("part", text); err != nil || part != want {
			t.Errorf("%q is %v %% (%v), want %v", text, part, err, want)
		}
	}
	for _, text := range []string{"", "%", "0%", "101%", "-1%", "nan%", "half", "50", "0.5"} {
		if fs.Set("part", text) == nil {
			t.Errorf("%q is taken for a percentage", text)
		}
	}
	if err := fs.Set("part", "0.5"); err == nil || !strings.Contains(err.Error(), `"0.5" without %, want a percentage such as 50%`) {
		t.Errorf("got %v, want the %% to be missed", err)
	}
}
