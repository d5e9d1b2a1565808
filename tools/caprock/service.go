package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
)

// address is where a service listens, the Mesos way (--ip, --port) or ours
// (--listen).
type address struct {
	listen, ip string
	port       uint16
}

func (a *address) flags(fs *pflag.FlagSet, listen string) {
	_, port, _ := net.SplitHostPort(listen)
	n, _ := strconv.ParseUint(port, 10, 16)
	fs.StringVar(&a.listen, "listen", listen, "`address` to serve on; port 0 picks a free one")
	fs.StringVar(&a.ip, "ip", "", "`IP` to serve on; with --port the Mesos spelling of --listen")
	fs.Uint16Var(&a.port, "port", uint16(n), "port to serve on")
}

// text is the address in the form of --listen. --ip and --port change its
// parts where they were given.
func (a *address) text(fs *pflag.FlagSet) (string, error) {
	host, port, err := net.SplitHostPort(a.listen)
	if err != nil {
		return "", fmt.Errorf("--listen: got %q, want HOST:PORT", a.listen)
	}
	if fs.Changed("ip") {
		host = a.ip
	}
	if fs.Changed("port") {
		port = strconv.Itoa(int(a.port))
	}
	return net.JoinHostPort(host, port), nil
}

// inUse adds what to do to the error of a service whose address is taken.
func inUse(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another process serves there; --listen=HOST:PORT takes another address, port 0 a free one", err)
	}
	return err
}

// logging is what both services say and where.
type logging struct {
	level string
	quiet bool
	// dir holds a file of that name which also gets what is logged; none if empty.
	dir, name string
	external  string
	// current is the logger's level, which may be changed while it is in use.
	current slog.LevelVar
}

func (l *logging) flags(fs *pflag.FlagSet) {
	fs.StringVar(&l.level, "logging-level", "INFO", "least `severity` that is logged: DEBUG, INFO, WARNING or ERROR")
	fs.BoolVar(&l.quiet, "quiet", false, "log nothing to standard error")
}

// files are the flags of a log file that is also served, under the name served.
func (l *logging) files(fs *pflag.FlagSet, name, served string) {
	fs.StringVar(&l.dir, "log-dir", "", "`directory` of a log file, "+name+", that is also served as "+served)
	fs.StringVar(&l.external, "external-log-file", "", "`file`, written by others, that is served as "+served+" instead")
	l.name = name
}

// served is the file that readers of the log get; none if empty.
func (l *logging) served() string {
	if l.external != "" || l.dir == "" {
		return l.external
	}
	return filepath.Join(l.dir, l.name)
}

// logger writes one line per event to standard error and the file. The file is
// opened once and appended to: whoever rotates it should copy and truncate.
func (l *logging) logger() (*slog.Logger, error) {
	levels := map[string]slog.Level{
		"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARNING": slog.LevelWarn, "ERROR": slog.LevelError,
	}
	level, ok := levels[strings.ToUpper(l.level)]
	if !ok {
		return nil, fmt.Errorf("--logging-level: got %q, want DEBUG, INFO, WARNING or ERROR", l.level)
	}
	var w io.Writer = os.Stderr
	if l.quiet {
		w = io.Discard
	}
	if l.dir != "" {
		if err := os.MkdirAll(l.dir, 0o755); err != nil {
			return nil, fmt.Errorf("log directory: %w", err)
		}
		f, err := os.OpenFile(filepath.Join(l.dir, l.name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, fmt.Errorf("log file: %w", err)
		}
		w = io.MultiWriter(w, f)
	}
	l.current.Set(level)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: &l.current})), nil
}

// settings are all flags of a command as its /flags endpoint shows them, under
// Mesos' spelling.
func settings(fs *pflag.FlagSet, show func(name, value string)) {
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			show(strings.ReplaceAll(f.Name, "-", "_"), f.Value.String())
		}
	})
}
