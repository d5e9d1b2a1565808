package world

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Progress is the line that shows what a run is doing.
type Progress struct {
	w     io.Writer
	width func() int // of the terminal, in columns; nil if it is none
	every time.Duration

	mu   sync.Mutex
	last time.Time // of the newest line; guarded by mu, as open is
	open bool
}

// NewProgress writes to w, over and over on one line if that is a terminal, else a
// line every few seconds.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, every: 3 * time.Second}
	f, ok := w.(*os.File)
	if !ok {
		return p
	}
	size := func() int {
		ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			return -1
		}
		return int(ws.Col)
	}
	if size() >= 0 {
		p.width, p.every = size, 200*time.Millisecond
	}
	return p
}

// Show replaces the line, at most as often as it can be read.
func (p *Progress) Show(format string, args ...any) { p.show(-1, format, args...) }

// ShowPart replaces the line like Show, and says how much of what it names is done: part is
// from 0 to 1.
func (p *Progress) ShowPart(part float64, format string, args ...any) {
	p.show(min(max(part, 0), 1), format, args...)
}

func (p *Progress) show(part float64, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	text := fmt.Sprintf(format, args...)
	if p.width == nil {
		if part >= 0 {
			text = fmt.Sprintf("%3.0f %% %s", 100*part, text)
		}
		fmt.Fprintln(p.w, text)
		return
	}
	if part >= 0 {
		text = bar(part) + " " + text
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", cut(text, p.width()))
	p.open = true
}

// barLength is that of the drawn bar, in columns.
const barLength = 20

// bar draws a part from 0 to 1.
func bar(part float64) string {
	full := int(part * barLength)
	return strings.Repeat("█", full) + strings.Repeat("░", barLength-full) + fmt.Sprintf(" %3.0f %%", 100*part)
}

// cut keeps a line from wrapping, since only its last row could be replaced. A terminal
// that does not tell its width has 80 columns.
func cut(text string, columns int) string {
	if columns <= 0 {
		columns = 80
	}
	if utf8.RuneCountInString(text) < columns {
		return text
	}
	return string([]rune(text)[:columns-1])
}

// Clear takes the line away, before a table.
func (p *Progress) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
