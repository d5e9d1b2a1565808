package httpc

import (
	"fmt"
	"net"
	"strings"
)

// target is a URL as far as a client needs it.
type target struct {
	scheme string // "http" or "https"
	host   string // as written, for the Host header
	path   string // with the query; starts with "/"
}

func parseTarget(url string) (target, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return target{}, fmt.Errorf("got URL %q, wanted http://host[:port]/path", url)
	}
	t := target{scheme: scheme, host: rest, path: "/"}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		t.host, t.path = rest[:i], rest[i:]
		if t.path[0] != '/' {
			t.path = "/" + t.path
		}
	}
	if t.host == "" || strings.ContainsAny(t.host, "@ \r\n\t\\") || strings.ContainsAny(t.path, "# \r\n\t") {
		return target{}, fmt.Errorf("got URL %q, wanted http://host[:port]/path without user, fragment or blanks", url)
	}
	return t, nil
}

// BaseURL completes the address of a service, as people type it, to what paths are appended to:
// host:port becomes http://host:port, and slashes at the end go. An error names what was got.
func BaseURL(text string) (string, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "http://" + text
	}
	t, err := parseTarget(full)
	if err != nil {
		return "", fmt.Errorf("got %q, want http://host:port", text)
	}
	if host, _, err := net.SplitHostPort(t.host); full != text && (err != nil || host == "") {
		return "", fmt.Errorf("got %q, want http://host:port", text)
	}
	if strings.Contains(t.path, "?") {
		return "", fmt.Errorf("got %q, want http://host:port without a query", text)
	}
	return strings.TrimRight(t.url(), "/"), nil
}

// addr is the host:port to dial.
func (t target) addr() string {
	if _, _, err := net.SplitHostPort(t.host); err == nil {
		return t.host
	}
	port := "80"
	if t.scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(t.host, "[]"), port)
}

func (t target) url() string { return t.scheme + "://" + t.host + t.path }

// follow resolves a Location: absolute, scheme-relative (//host:port/path, as
// Mesos sends it) or a path. Without a path of its own it keeps the request's.
func (t target) follow(location string) (target, error) {
	switch {
	case strings.HasPrefix(location, "//"):
		location = t.scheme + ":" + location
	case strings.HasPrefix(location, "/"):
		location = t.scheme + "://" + t.host + location
	}
	next, err := parseTarget(location)
	if err != nil {
		return target{}, fmt.Errorf("redirect from %s: %w", t.url(), err)
	}
	if _, rest, _ := strings.Cut(location, "://"); !strings.ContainsAny(rest, "/?") {
		next.path = t.path
	}
	return next, nil
}
