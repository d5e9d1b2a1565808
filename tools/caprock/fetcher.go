package main

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/agent/fetch"
	"github.com/caprock/caprock/tools/flags"
)

// fetcherFlags say where URIs may come from and what they may cost.
type fetcherFlags struct {
	opts       fetch.Options
	deny       string
	plugins    []string
	hadoopHome string
}

func (t *fetcherFlags) flags(f *pflag.FlagSet) {
	o := &t.opts
	flags.DurationVar(f, &o.StallTimeout, "fetcher-stall-timeout", 0, "time without a byte that ends a download (default 1mins)")
	f.StringVar(&o.CacheDir, "fetcher-cache-dir", "", "`directory` for URIs with cache=true (default: fetch in the work dir)")
	flags.BytesVar(f, &o.CacheBytes, "fetcher-cache-size", 2<<30, "room for URIs with cache=true")
	flags.BytesVar(f, &o.MaxBytes, "fetcher-max-size", 10<<30, "most that a URI may bring, and that an archive may unpack to")
	f.IntVar(&o.MaxEntries, "fetcher-max-entries", 100_000, "most entries of an archive")
	f.StringVar(&t.deny, "fetcher-deny", "", "`ranges` of addresses, such as 10.0.0.0/8,fd00::/8, that URIs must not reach, besides link-local ones and the agent's own ports")
	f.StringVar(&o.Home, "frameworks-home", "", "`directory` of URIs that are relative paths (default: they are refused)")
	f.StringVar(&t.hadoopHome, "hadoop-home", "", "`directory` of the hadoop client, for hdfs, hftp, s3, s3a and s3n URIs (default: $HADOOP_HOME, else hadoop is sought in PATH)")
	f.StringArrayVar(&t.plugins, "fetcher-plugin", nil, "`scheme=command` that prints the file of a URI, which is put behind its words; run as the task's user; may be repeated")
}

// options checks what was given.
func (t *fetcherFlags) options() (fetch.Options, error) {
	o := t.opts
	for text := range strings.SplitSeq(t.deny, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return o, fmt.Errorf("fetcher_deny: got %q, want ranges of addresses such as 10.0.0.0/8", text)
		}
		o.Deny = append(o.Deny, prefix.Masked())
	}
	home := t.hadoopHome
	if home == "" {
		home = os.Getenv("HADOOP_HOME")
	}
	o.Plugins = fetch.HadoopPlugins(home)
	plugins := map[string][]string{}
	for _, text := range t.plugins {
		scheme, command, _ := strings.Cut(text, "=")
		words := strings.Fields(command)
		if scheme == "" || len(words) == 0 {
			return o, fmt.Errorf("fetcher_plugin: got %q, want scheme=command, such as ftp=/usr/bin/curl -sSf", text)
		}
		switch scheme {
		case "http", "https", "file":
			return o, fmt.Errorf("fetcher_plugin: got a command for %s, which the agent fetches itself", scheme)
		}
		plugins[scheme] = words
	}
	maps.Copy(o.Plugins, plugins)
	return o, nil
}
