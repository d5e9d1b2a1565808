package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/wire/mesos"
)

// --domain takes JSON or a file with it, and wants a region and a zone.
func TestDomainFlag(t *testing.T) {
	const text = `{"fault_domain": {"region": {"name": "r1"}, "zone": {"name": "z1"}}}`
	file := filepath.Join(t.TempDir(), "domain.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for value, ok := range map[string]bool{
		text: true, file: true, "file://" + file: true,
		"": false, "r1/z1": false, "{}": false, file + ".missing": false,
		`{"fault_domain": {"region": {"name": "r1"}}}`:                      false,
		`{"fault_domain": {"region": {"name": ""}, "zone": {"name": "z"}}}`: false,
	} {
		var info *mesos.DomainInfo
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		domainFlag(fs, &info, "")
		err := fs.Set("domain", value)
		if (err == nil) != ok {
			t.Errorf("%q: error %v, want accepted %t", value, err, ok)
		}
		if got := info.GetFaultDomain().GetRegion().GetName(); ok && got != "r1" {
			t.Errorf("%q: the region is %q, want r1", value, got)
		}
	}
}
