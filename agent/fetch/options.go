package fetch

import (
	"net/netip"
	"time"
)

// Options bounds a Fetcher.
type Options struct {
	// StallTimeout ends a transfer that brings no byte for that long; default 1 min.
	StallTimeout time.Duration
	// MaxBytes bounds each file, and what an archive unpacks to; default 10 GiB.
	MaxBytes int64
	// MaxEntries bounds the entries of an archive; default 100,000.
	MaxEntries int
	// MaxRatio bounds how many times larger than itself an archive may become, once
	// it unpacks to more than 64 MiB; default 1,000. Gzip reaches 1,032 with nothing
	// but zeros in it.
	MaxRatio int64

	// DenyPorts are ports on this machine that URIs must not reach: the agent's.
	DenyPorts []int
	// Deny are further ranges of addresses that URIs must not reach.
	Deny []netip.Prefix

	// Home is the directory of URIs that are relative paths; "" refuses them.
	Home string
	// Plugins are programs for further schemes: the URI is put behind the words of
	// the command, which is run as the task's user and prints the file.
	Plugins map[string][]string

	// CacheDir is where files are kept for URIs with cache=true. It belongs to this
	// Fetcher alone, which empties it. "" turns the cache off.
	CacheDir string
	// CacheBytes bounds the cache; default 2 GiB.
	CacheBytes int64
}

// EnsureDefaults fills what is unset.
func (o *Options) EnsureDefaults() {
	if o.StallTimeout == 0 {
		o.StallTimeout = time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 30
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = 100_000
	}
	if o.MaxRatio == 0 {
		o.MaxRatio = 1_000
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 2 << 30
	}
}
