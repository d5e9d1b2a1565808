package launch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Somebody who keeps exchanging a mount's target for a link out of its base, and its
// source likewise, never gets a mount outside.
func TestExchangedMountPathsStayInTheirBases(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	base := filepath.Join(dir, "base")
	for _, d := range []string{canary, base, base + "/target", base + "/source"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"target", "source"} {
		if err := os.Symlink(canary, filepath.Join(base, name+"-link")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(canary, "secret"), []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	stop, swapped := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				swapped <- n
				return
			default:
			}
			for _, name := range []string{"target", "source"} {
				from, to := filepath.Join(base, name), filepath.Join(base, name+"-link")
				if unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE) == nil {
					n++
				}
			}
		}
	}()
	length := 2 * time.Second
	if testing.Short() {
		length = 200 * time.Millisecond
	}
	made, refused := 0, 0
	// On a busy machine it takes longer until there were both.
	began := time.Now()
	for time.Since(began) < length || (made == 0 || refused == 0) && time.Since(began) < time.Minute {
		s := shell("grep -c ' " + canary + "' /proc/self/mountinfo; ls " + base + "/target " + base + "/target-link | grep -c secret")
		s.Namespaces.Mount = true
		s.Mounts = []Mount{{Source: "source", SourceBase: base, Target: "target", Base: base, Flags: unix.MS_BIND | unix.MS_REC}}
		out, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s.Stdout = w
		p, err := Start(s, Groups{})
		w.Close()
		var failed *Error
		switch {
		case errors.As(err, &failed):
			refused++ // the link was there, which leads nowhere inside of the base
		case err != nil:
			t.Fatal(err)
		default:
			made++
			<-p.Exited()
			var b [64]byte
			n, _ := out.Read(b[:])
			if text := string(b[:n]); !strings.HasPrefix(text, "0\n") {
				t.Fatalf("a mount is on %s: %q", canary, text)
			}
		}
		out.Close()
	}
	close(stop)
	if n := <-swapped; n < 100 || made == 0 || refused == 0 {
		t.Errorf("%d exchanges, %d mounts made, %d refused: want many and some of both", n, made, refused)
	}
	if b, err := os.ReadFile(filepath.Join(canary, "secret")); err != nil || string(b) != "of the host" {
		t.Errorf("the canary says %q, %v", b, err)
	}
	if text, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(text), dir) {
		t.Errorf("something is mounted on the host: %v", err)
	}
}

// An agent of a thousand tasks has thousands of files open: whatever numbers they have,
// mounts are made as with few.
func TestMountsWithManyOpenFiles(t *testing.T) {
	needRoot(t)
	base := t.TempDir()
	for _, d := range []string{"from", "to"} {
		if err := os.Mkdir(filepath.Join(base, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 1100 {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Fd() < 960 {
			continue
		}
		s := shell("touch " + base + "/to/x 2>/dev/null || echo read only")
		s.Namespaces.Mount = true
		s.Mounts = []Mount{{Source: "from", SourceBase: base, Target: "to", Base: base, Flags: unix.MS_BIND | unix.MS_RDONLY}}
		if text, st := output(t, s); text != "read only\n" {
			t.Fatalf("with descriptor %d in use: got %q, %s", f.Fd(), text, st)
		}
	}
}

// What is mounted below a shared mount shows on the host, what is mounted on the host
// shows below it, and the mount itself is nobody else's business.
func TestSharedMountsReachTheHost(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	host, base := filepath.Join(dir, "host"), filepath.Join(dir, "base")
	for _, d := range []string{host, base, base + "/target"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("host", host, "tmpfs", 0, ""); err != nil {
		t.Skipf("SKIP-ENV: no tmpfs can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(host, unix.MNT_DETACH) })
	if err := errors.Join(unix.Mount("", host, "", unix.MS_PRIVATE, ""), os.Mkdir(host+"/inner", 0o755)); err != nil {
		t.Fatal(err)
	}
	if shared, err := OnSharedMount(host + "/inner"); shared || err != nil {
		t.Errorf("a private mount: got %t, %v", shared, err)
	}
	if err := unix.Mount("", host, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	if shared, err := OnSharedMount(host + "/inner"); !shared || err != nil {
		t.Errorf("a shared mount: got %t, %v", shared, err)
	}
	mounted := func(path string) bool {
		t.Helper()
		table, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(table), " "+path+" ")
	}
	for _, c := range []struct {
		shared bool
		flags  uintptr
	}{{false, 0}, {true, 0}, {true, unix.MS_RDONLY}} {
		s := shell("mount -t tmpfs inner " + base + "/target/inner && mount -t tmpfs own " + base + " && exit 3")
		s.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
		s.Namespaces.Mount = true
		s.Mounts = []Mount{{Source: host, Target: "target", Base: base, Flags: unix.MS_BIND | unix.MS_REC | c.flags, Shared: c.shared}}
		p, err := Start(s, Groups{})
		if err != nil {
			t.Fatal(err)
		}
		if st := <-p.Exited(); st.WaitStatus != 3<<8 {
			t.Fatalf("%+v: got %v, want status 3", c, st)
		}
		if got := mounted(host + "/inner"); got != c.shared || mounted(base) || mounted(base+"/target") {
			t.Errorf("%+v: the host sees what was mounted below: %t; and the mounts around it: %t %t", c, got, mounted(base), mounted(base+"/target"))
		}
		if c.shared {
			if err := unix.Unmount(host+"/inner", 0); err != nil {
				t.Error(err)
			}
		}
	}
}
