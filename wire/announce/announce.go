package announce

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// prefix starts the line that says where a service serves.
const prefix = "listening: "

// Listening writes the line that says that a service serves at host:port.
func Listening(w io.Writer, address string) {
	fmt.Fprintf(w, "%shttp://%s\n", prefix, address)
}

// URL returns that of a service from such a line; ok is false for others.
func URL(line string) (url string, ok bool) { return strings.CutPrefix(line, prefix) }

// LastWords keeps the last line that is written to it, in which a program says why it ends. It
// is for one writer, and to be read when that has ended.
type LastWords struct{ line []byte }

// longest line that is kept, in bytes.
const longest = 4 << 10

// Write implements io.Writer; it never fails.
func (l *LastWords) Write(b []byte) (int, error) {
	l.line = append(l.line, b...)
	if i := bytes.LastIndexByte(bytes.TrimRight(l.line, "\n"), '\n'); i >= 0 {
		l.line = append(l.line[:0], l.line[i+1:]...)
	}
	l.line = l.line[:min(len(l.line), longest)]
	return len(b), nil
}

// String is the line, without the name that `caprock` puts before its errors.
func (l *LastWords) String() string {
	words := strings.TrimPrefix(string(bytes.TrimSpace(l.line)), "caprock: ")
	if words == "" {
		return "it said nothing"
	}
	return words
}
