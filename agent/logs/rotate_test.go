package logs

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newBox(t *testing.T, dir string) *os.Root {
	t.Helper()
	box, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

// collapses reports whether files in dir can be shortened from the front.
func collapses(t *testing.T, dir string) bool {
	name := filepath.Join(dir, "probe")
	if err := os.WriteFile(name, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(name)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, 1<<16) == nil
}

// lines numbers what a task prints, so that a loss or a repetition shows.
func lines(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %09d\n", i)
	}
	return b.Bytes()
}

// readAll puts the old files and the present one together, the oldest first.
func readAll(t *testing.T, dir, name string) []byte {
	t.Helper()
	var all []byte
	for i := 100; i >= 0; i-- {
		file := filepath.Join(dir, name)
		if i > 0 {
			file = filepath.Join(dir, old(name, i))
		}
		text, err := os.ReadFile(file)
		if err == nil {
			all = append(all, text...)
		}
	}
	return all
}

// A writer goes on appending while its file is rotated, again and again.
func TestNothingIsLostOrRepeated(t *testing.T) {
	dir := t.TempDir()
	if !collapses(t, dir) {
		t.Skipf("SKIP-ENV: files cannot be shortened from the front on the file system of %s", dir)
	}
	box := newBox(t, dir)
	out, err := os.OpenFile(filepath.Join(dir, "stdout"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	const total = 200_000
	done := make(chan error, 1)
	go func() {
		for i := 0; i < total; i += 50 {
			if _, err := out.Write(lines(i, i+50)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	rotations := 0
	look := func() {
		rotated, err := Rotate(box, "stdout", Policy{MaxBytes: 64 << 10, Keep: 100})
		if err != nil {
			t.Fatal(err)
		}
		if rotated {
			rotations++
		}
	}
	for writing := true; writing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
			if rotations < 100 {
				look()
			}
		}
	}
	if rotations == 0 {
		t.Fatal("the file was never rotated")
	}
	next := 0
	scan := bufio.NewScanner(bytes.NewReader(readAll(t, dir, "stdout")))
	for scan.Scan() {
		if want := fmt.Sprintf("line %09d", next); scan.Text() != want {
			t.Fatalf("after %d rotations: got %q, want %q", rotations, scan.Text(), want)
		}
		next++
	}
	if next != total {
		t.Errorf("%d lines are left of %d", next, total)
	}
}

func TestOldFilesAreCounted(t *testing.T) {
	dir := t.TempDir()
	box := newBox(t, dir)
	print := func(n int) {
		f, err := os.OpenFile(filepath.Join(dir, "stdout"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		f.Write(bytes.Repeat([]byte{byte('0' + n)}, 20<<10))
	}
	names := func() string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return strings.Join(all, " ")
	}
	for n, want := range []string{
		"stdout stdout.1", "stdout stdout.1 stdout.2", "stdout stdout.1 stdout.2 stdout.3", "stdout stdout.1 stdout.2 stdout.3",
	} {
		print(n)
		if rotated, err := Rotate(box, "stdout", Policy{MaxBytes: 16 << 10, Keep: 3}); err != nil || !rotated {
			t.Fatalf("rotation %d: got %t, %v", n, rotated, err)
		}
		if got := names(); got != want {
			t.Fatalf("after rotation %d there are %s, want %s", n, got, want)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "stdout.1")); !bytes.Contains(text, []byte("3")) {
		t.Error("stdout.1 is not the youngest of the old files")
	}
	// Fewer are wanted from now on: what is too many goes.
	print(4)
	if _, err := Rotate(box, "stdout", Policy{MaxBytes: 16 << 10, Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "stdout stdout.1" {
		t.Errorf("with one old file wanted there are %s", got)
	}
	print(5)
	if _, err := Rotate(box, "stdout", Policy{MaxBytes: 16 << 10}); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "stdout" {
		t.Errorf("with no old file wanted there are %s", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "stdout")); err != nil || info.Size() > 16<<10 || info.Mode().Perm() != 0o640 {
		t.Errorf("stdout is %v (%v), want it small and its mode kept", info, err)
	}
}

// Where the front cannot be cut off, the file is copied and emptied.
func TestOtherFileSystems(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "caprock-logs-")
	if err != nil {
		t.Skipf("SKIP-ENV: no tmpfs to try on: %v", err)
	}
	defer os.RemoveAll(dir)
	box := newBox(t, dir)
	want := lines(0, 5000)
	if err := os.WriteFile(filepath.Join(dir, "stderr"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	if rotated, err := Rotate(box, "stderr", Policy{MaxBytes: 16 << 10, Keep: 1}); err != nil || !rotated {
		t.Fatalf("got %t, %v", rotated, err)
	}
	if got := readAll(t, dir, "stderr"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes are left of %d", len(got), len(want))
	}
}

func TestOnlyFilesAreRotated(t *testing.T) {
	dir := t.TempDir()
	box := newBox(t, dir)
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(outside, path) },
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"small":     func(path string) error { return os.WriteFile(path, []byte("x"), 0o644) },
		"missing":   func(string) error { return nil },
	} {
		if err := make(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if rotated, err := Rotate(box, name, Policy{MaxBytes: 4096, Keep: 1}); err != nil || rotated {
			t.Errorf("%s: got %t, %v, want it left alone", name, rotated, err)
		}
	}
	if info, err := os.Stat(outside); err != nil || info.Size() != 1<<20 {
		t.Errorf("the file outside is %v, %v", info, err)
	}
}

func TestKeeperCountsAndGoesOn(t *testing.T) {
	good, bad := t.TempDir(), t.TempDir()
	for _, dir := range []string{good, bad} {
		if err := os.WriteFile(filepath.Join(dir, "stdout"), lines(0, 5000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k := &Keeper{Logger: slog.New(slog.DiscardHandler), Open: func(dir string) (*os.Root, error) {
		if dir == bad {
			return nil, os.ErrPermission
		}
		return os.OpenRoot(dir)
	}}
	small := Policies{Stdout: Policy{MaxBytes: 4096, Keep: 1}, Stderr: Policy{MaxBytes: 4096, Keep: 1}}
	k.Look([]Sandbox{{bad, small}, {good, small}, {filepath.Join(good, "not-yet"), small}})
	if got, want := k.Metrics(), (Metrics{Rotated: 1, Failed: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
