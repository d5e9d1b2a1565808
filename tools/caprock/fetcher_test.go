package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/agent/fetch"
)

func parseFetcher(t *testing.T, args ...string) (fetch.Options, error) {
	t.Helper()
	t.Setenv("HADOOP_HOME", "")
	var flags fetcherFlags
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags.options()
}

func TestFetcherFlags(t *testing.T) {
	o, err := parseFetcher(t, "--fetcher-deny=10.1.2.3/8, fd00::/8", "--fetcher-cache-size=64MB", "--hadoop-home=/opt/hadoop",
		"--fetcher-plugin=ftp=/usr/bin/curl -sSf", "--fetcher-plugin=s3=/usr/local/bin/s3cat")
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Deny[0].String() + " " + o.Deny[1].String(); got != "10.0.0.0/8 fd00::/8" {
		t.Errorf("denied are %s", got)
	}
	if o.CacheBytes != 64<<20 {
		t.Errorf("the cache has %d bytes, want %d", o.CacheBytes, 64<<20)
	}
	for scheme, want := range map[string]string{
		"ftp": "/usr/bin/curl -sSf", "s3": "/usr/local/bin/s3cat", "hdfs": "/opt/hadoop/bin/hadoop fs -cat",
	} {
		if got := o.Plugins[scheme]; !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s is fetched by %q, want %q", scheme, got, want)
		}
	}
}

func TestBadFetcherFlagsSayWhatIsWanted(t *testing.T) {
	for arg, want := range map[string]string{
		"--fetcher-deny=10.0.0.1":      `fetcher_deny: got "10.0.0.1", want ranges of addresses`,
		"--fetcher-plugin=ftp":         `fetcher_plugin: got "ftp", want scheme=command`,
		"--fetcher-plugin=ftp= ":       `fetcher_plugin: got "ftp= ", want scheme=command`,
		"--fetcher-plugin=http=/x/y z": "fetcher_plugin: got a command for http, which the agent fetches itself",
	} {
		if _, err := parseFetcher(t, arg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", arg, err, want)
		}
	}
}
