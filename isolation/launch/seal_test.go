package launch

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// overwriteSelf seals the program and then does what an attacker would.
func overwriteSelf() {
	if err := Seal(); err != nil {
		fmt.Println("seal:", err)
		return
	}
	name, _ := os.ReadFile("/proc/self/comm")
	fmt.Print("name: ", string(name))
	// Hold the file, as the attack does, and try through that.
	held, err := unix.Open("/proc/self/exe", unix.O_PATH, 0)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	for _, path := range []string{"/proc/self/exe", fmt.Sprintf("/proc/self/fd/%d", held)} {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("#!/bin/evil"), 0)
		}
		fmt.Println("write:", err)
		fmt.Println("truncate:", os.Truncate(path, 0))
	}
	fmt.Println("args:", os.Args[1:])
}

func hashFile(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

func TestSealedProgramCannotBeOverwritten(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := hashFile(t, self)
	text, st := output(t, &Spec{Path: self, Args: []string{self, "a", "b c"}, Env: []string{probeEnv + "=seal"}})
	if st.WaitStatus != 0 || !strings.Contains(text, "args: [a b c]\n") || strings.Contains(text, "<nil>") || strings.Contains(text, "seal:") ||
		strings.Count(text, "write:") != 2 || !strings.Contains(text, "name: "+filepath.Base(self)[:1]) {
		t.Errorf("%s\n%s\nwant two refused writes and two refused truncations", st, text)
	}
	if hashFile(t, self) != before {
		t.Error("the program on disk has changed")
	}
}
