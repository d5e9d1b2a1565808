package world

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	for _, c := range []struct {
		in     string
		status int
		text   string
		fails  bool
	}{
		{"HTTP/1.1 202 Accepted\r\nDate: x\r\nContent-Length: 0\r\n\r\n", 202, "", false},
		{"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "", false},
		{"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "no", false},
		{"HTTP/1.1 202 Accepted\r\nContent-Length: x\r\n\r\n", 0, "", true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "", true},
		{"SSH-2.0-x\r\n\r\n", 0, "", true},
		{"", 0, "", true},
	} {
		// Twice: an answer must not eat of the next.
		br := bufio.NewReaderSize(strings.NewReader(c.in+c.in), callerBuffer)
		status, text, err := readAnswer(br)
		if (err != nil) != c.fails {
			t.Errorf("%q: got error %v", c.in, err)
		}
		if c.fails {
			continue
		}
		if status != c.status || text != c.text {
			t.Errorf("%q: got %d %q", c.in, status, text)
		}
		if again, _, err := readAnswer(br); again != c.status || err != nil {
			t.Errorf("%q: the second answer is %d, %v", c.in, again, err)
		}
	}
}

func TestParseStat(t *testing.T) {
	u, err := parseStat([]byte("12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0"))
	if err != nil || u.CPU.Seconds() != 2 {
		t.Errorf("got %v %v, want 2 s", u.CPU, err)
	}
	if _, err := parseStat([]byte("12 (a) S 1")); err == nil {
		t.Error("a short line was read")
	}
	if got := statusKiB([]byte("Name:\tx\nVmRSS:\t  1024 kB\n"), "VmRSS:"); got != 1024 {
		t.Errorf("got %d KiB, want 1024", got)
	}
}
