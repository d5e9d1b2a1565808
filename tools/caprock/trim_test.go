package main

import (
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestOnlyUnwrittenReadOnlyPagesOfTheProgramAreDropped(t *testing.T) {
	smaps := `00400000-00a00000 r-xp 00000000 fe:00 1234   /usr/bin/caprock
Rss:                6144 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00a00000-01000000 r--p 00600000 fe:00 1234   /usr/bin/caprock
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
01000000-01100000 rw-p 00c00000 fe:00 1234   /usr/bin/caprock
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
01100000-01101000 r--p 00d00000 fe:00 1234   /usr/bin/caprock
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me
01101000-01102000 r--p 00d01000 fe:00 1234   /usr/bin/caprock
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd mr mw me
7f0000000000-7f0000100000 r-xp 00000000 fe:00 99 /lib/libc.so.6
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
zz-yy r-xp 0 0 0 /usr/bin/caprock
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
`
	want := []mapping{{0x400000, 0xa00000}, {0xa00000, 0x1000000}}
	for _, name := range []string{"/usr/bin/caprock", "/usr/bin/caprock (deleted)"} {
		if got := droppable(strings.NewReader(strings.ReplaceAll(smaps, "/usr/bin/caprock", name)), name); !slices.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", name, got, want)
		}
	}
}

// The process must live on, and hold less of its file.
func TestUnmapProgram(t *testing.T) {
	before := rssFile(t)
	unmapProgram()
	after := rssFile(t)
	// A call into C goes through the dynamic linker's tables.
	if _, err := user.LookupId("0"); err != nil {
		t.Error(err)
	}
	if after >= before {
		t.Errorf("RssFile was %d KiB, is %d KiB, want less", before, after)
	}
}

func rssFile(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "RssFile:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Skip("skipped: this kernel does not tell RssFile")
	return 0
}
