package world

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestProgressOnATerminalIsOneLineThatFits(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b)
	p.width, p.every = func() int { return 40 }, 0
	p.ShowPart(.5, "registering %s", strings.Repeat("é", 100))
	line, ok := strings.CutPrefix(b.String(), "\r\x1b[K")
	if !ok || !strings.HasPrefix(line, "██████████░░░░░░░░░░  50 % registering ") || utf8.RuneCountInString(line) != 39 {
		t.Errorf("got %q, want a bar that is half full and a line of 39 columns", line)
	}
	b.Reset()
	p.Clear()
	if b.String() != "\r\x1b[K" {
		t.Errorf("clearing: got %q, want the line gone", b.String())
	}
}

func TestProgressElsewhereIsPlainText(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b)
	p.every = 0
	p.ShowPart(2, "launching")
	p.Show("waiting")
	p.Clear()
	if got := b.String(); got != "100 % launching\nwaiting\n" {
		t.Errorf("got %q", got)
	}
}
