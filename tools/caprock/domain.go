package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/mesos"
)

// domainValue is the --domain of allocator and agent: a DomainInfo as JSON, or the
// path of a file with one, as in Mesos.
type domainValue struct {
	info **mesos.DomainInfo
	text string
}

func domainFlag(f *pflag.FlagSet, info **mesos.DomainInfo, usage string) {
	f.Var(&domainValue{info: info}, "domain", usage)
}

// Set implements pflag.Value.
func (d *domainValue) Set(text string) error {
	data := []byte(text)
	path, isURL := strings.CutPrefix(text, "file://")
	if isURL || strings.HasPrefix(text, "/") {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("domain: %w", err)
		}
	}
	info := &mesos.DomainInfo{}
	if err := codec.JSON.Unmarshal(data, info); err != nil {
		return fmt.Errorf("domain: got %.200q, want a DomainInfo as JSON: %w", data, err)
	}
	if fd := info.GetFaultDomain(); fd.GetRegion().GetName() == "" || fd.GetZone().GetName() == "" {
		return fmt.Errorf("domain: got %.200q, want a fault domain with the names of a region and a zone", data)
	}
	*d.info, d.text = info, text
	return nil
}

func (d *domainValue) String() string { return d.text }

// Type implements pflag.Value.
func (*domainValue) Type() string { return "JSON" }
