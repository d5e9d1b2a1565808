package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caprock/caprock/agent/sandbox"
	"github.com/caprock/caprock/isolation/launch"
	"github.com/caprock/caprock/wire/mesos"
)

// waitFor waits for something that other goroutines bring about.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-look.C:
		}
	}
}

func fixture(t *testing.T, name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArchivesFromOtherTools(t *testing.T) {
	b := newBox(t)
	if err := b.fetch(Options{}, uri(fixture(t, "app.tar.xz")), uri(fixture(t, "one.bz2"))); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "app/hello"); got != "hello from xz\n" {
		t.Errorf("app/hello holds %q", got)
	}
	if got := b.read(t, "one"); got != "alone\n" {
		t.Errorf("one holds %q", got)
	}
	if err := newBox(t).fetch(Options{}, uri(fixture(t, "greedy.tar.xz"))); err == nil {
		t.Error("an archive that asks for 1 GiB of memory was unpacked")
	}
}

func TestRatioOfUnpackingIsBounded(t *testing.T) {
	zeros := gz(make([]byte, smallBytes+1))
	name := write(t, "zeros.gz", zeros)
	if err := newBox(t).fetch(Options{MaxRatio: 100}, uri(name)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d bytes of gzip became %d: got %v, want a refusal", len(zeros), smallBytes+1, err)
	}
	if err := newBox(t).fetch(Options{MaxRatio: 2000}, uri(name)); err != nil {
		t.Error(err)
	}
}

func TestChecksums(t *testing.T) {
	name := write(t, "app", []byte("program"))
	right := sha256.Sum256([]byte("program"))
	for _, c := range []struct {
		fragment, want string // of the error; "" none
	}{
		{"#sha256=" + hex.EncodeToString(right[:]), ""},
		{"#sha256=" + strings.Repeat("00", 32), "sha256 of its 7 bytes is " + hex.EncodeToString(right[:])},
		{"#sha256=abc", `checksum is "sha256=abc", want sha256= and 64 hexadecimal digits`},
		{"#sha512=" + strings.Repeat("0", 127), "want sha512= and 128 hexadecimal digits"},
		{"#section", ""},
	} {
		err := newBox(t).fetch(Options{CacheDir: t.TempDir()}, uri("file://"+name+c.fragment))
		errCached := newBox(t).fetch(Options{CacheDir: t.TempDir()}, cached("file://"+name+c.fragment))
		for _, err := range []error{err, errCached} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want an error with %q", c.fragment, err, c.want)
			}
		}
	}
}

func TestTwoURIsMustNotBecomeOneFile(t *testing.T) {
	first, second := write(t, "app", []byte("1")), write(t, "app", []byte("2"))
	if err := newBox(t).fetch(Options{}, uri(first), uri(second)); err == nil || !strings.Contains(err.Error(), "output_file") {
		t.Errorf("got %v, want a refusal that tells of output_file", err)
	}
	renamed, b := uri(second), newBox(t)
	renamed.OutputFile = new("sub/app2")
	if err := b.fetch(Options{}, uri(first), renamed); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "sub/app2"); got != "2" {
		t.Errorf("sub/app2 holds %q, want 2", got)
	}
}

func TestRelativeURIs(t *testing.T) {
	home := filepath.Dir(write(t, "app", []byte("program")))
	if err := newBox(t).fetch(Options{}, uri("app")); err == nil {
		t.Error("a relative URI was fetched by an agent without a directory for them")
	}
	b := newBox(t)
	if err := b.fetch(Options{Home: home}, uri("app")); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "app"); got != "program" {
		t.Errorf("app holds %q", got)
	}
	if err := newBox(t).fetch(Options{Home: home}, uri("../etc/passwd")); err == nil {
		t.Error("a relative URI led out of the directory")
	}
}

func TestDeniedRanges(t *testing.T) {
	o := newOrigin(t, map[string][]byte{"/app": []byte("program")})
	deny := Options{Deny: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if err := newBox(t).fetch(deny, uri(o.URL+"/app")); err == nil || !strings.Contains(err.Error(), "--fetcher_deny") {
		t.Errorf("got %v, want a refusal that names the flag", err)
	}
	if got := o.asked.Load(); got != 0 {
		t.Errorf("the server was asked %d times, want never", got)
	}
}

func TestPlugins(t *testing.T) {
	with := func(script string) Options {
		return Options{Plugins: map[string][]string{"gift": {"/bin/sh", "-c", script, "gift"}}, StallTimeout: 30 * time.Second}
	}
	stalling := with(`echo half; exec sleep 60`)
	stalling.StallTimeout = 300 * time.Millisecond
	b := newBox(t)
	if err := b.fetch(with(`echo "wrapped: $1"`), uri("gift://store/box")); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "box"); got != "wrapped: gift://store/box\n" {
		t.Errorf("box holds %q", got)
	}
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"failure":    {with(`echo half; echo "out of paper" >&2; exit 3`), "exited with status 3: out of paper"},
		"stall":      {stalling, "stalled"},
		"no program": {Options{Plugins: map[string][]string{"gift": {"/no/such/program"}}}, "/no/such/program"},
		"no plugin":  {Options{Plugins: map[string][]string{"hdfs": {"x"}}}, `scheme is "gift", want file, http, https, hdfs`},
	} {
		if err := newBox(t).fetch(c.opts, uri("gift://store/box")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// What a URI makes a program do, it does with the rights of a task.
func TestPluginsHaveTheRightsOfTasks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP-ENV: needs root to change capabilities")
	}
	b := newBox(t)
	o := Options{Plugins: map[string][]string{"gift": {"sh", "-c", "mount -t tmpfs none /mnt"}}, StallTimeout: 30 * time.Second}
	// What cannot be mounted ends the program, which is a fetch that failed.
	if err := b.fetch(o, uri("gift://store/status")); err == nil {
		t.Error("the program could mount")
	}
	o.Plugins["gift"][2] = "cat /proc/self/status; ls /proc/$$/fd"
	if err := b.fetch(o, uri("gift://store/status")); err != nil {
		t.Fatal(err)
	}
	got := b.read(t, "status")
	own, err := launch.OwnCapabilities()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", fmt.Sprintf("CapBnd:\t%016x\n", launch.DefaultCapabilities&own), fmt.Sprintf("CapEff:\t%016x\n", launch.DefaultCapabilities&own), "\n0\n1\n2\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in %s", want, got)
		}
	}
}

func TestPluginEndsWithTheFetch(t *testing.T) {
	dir := t.TempDir()
	note := filepath.Join(dir, "pid")
	f := New(Options{Plugins: map[string][]string{"gift": {"/bin/sh", "-c", "sleep 60 & echo $! > " + note + "; wait"}}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	b := newBox(t)
	go func() {
		done <- f.Fetch(ctx, b.root, []*mesos.CommandInfo_URI{uri("gift://x/y")}, sandbox.Owner{})
	}()
	var pid string
	waitFor(t, func() bool {
		text, err := os.ReadFile(note)
		pid = strings.TrimSpace(string(text))
		return err == nil && pid != ""
	})
	cancel()
	if err := <-done; err == nil {
		t.Error("a fetch that was given up succeeded")
	}
	waitFor(t, func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return errors.Is(err, os.ErrNotExist) || err == nil && strings.Contains(string(state), ") Z ")
	})
}

func TestHadoopClient(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$@\"\n"
	if err := os.WriteFile(filepath.Join(home, "bin", "hadoop"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	b := newBox(t)
	if err := b.fetch(Options{Plugins: HadoopPlugins(home)}, uri("hdfs://name/dir/part-0")); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "part-0"); got != "fs -cat hdfs://name/dir/part-0\n" {
		t.Errorf("hadoop was called with %q", got)
	}
}

// The environment is read once per process, and never proxies loopback, so the
// transport is asked instead of a request made.
func TestProxyOfTheEnvironment(t *testing.T) {
	transport, ok := newWeb(Options{}).client().Transport.(*http.Transport)
	if !ok || transport.Proxy == nil {
		t.Fatal("the transport asks for no proxy")
	}
	if got, want := reflect.ValueOf(transport.Proxy).Pointer(), reflect.ValueOf(http.ProxyFromEnvironment).Pointer(); got != want {
		t.Error("the transport's proxy is not the environment's")
	}
}
