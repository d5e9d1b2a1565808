package json

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has a high bit set somewhere iff one of the eight bytes of w is a control
// character, a quote, a backslash or not ASCII. The lowest such bit marks the first
// special byte; bits above it may be wrong (borrows run upwards).
func special(w uint64) uint64 {
	quote := w ^ (ones * '"')
	slash := w ^ (ones * '\\')
	return (w | (w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// plainUntil returns the index at or after i of the first byte of s that is not a
// plain character of a JSON string, or len(s).
func plainUntil(s []byte, i int) int {
	for i+8 <= len(s) {
		if special(binary.LittleEndian.Uint64(s[i:])) != 0 {
			break
		}
		i += 8
	}
	for i < len(s) && isPlain[s[i]] {
		i++
	}
	return i
}

var isPlain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789ABCDEF"

// AppendString appends s as a JSON string. Quotes, backslashes and control characters
// are escaped, bytes that are no UTF-8 become U+FFFD, all else stays as it is.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	text := unsafe.Slice(unsafe.StringData(s), len(s))
	if plainUntil(text, 0) == len(text) {
		return append(append(b, s...), '"')
	}
	return append(appendEscaped(b, text), '"')
}

func appendEscaped(b, s []byte) []byte {
	for i := 0; i < len(s); {
		j := plainUntil(s, i)
		b = append(b, s[i:j]...)
		if j == len(s) {
			break
		}
		if s[j] >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[j:])
			b = utf8.AppendRune(b, r)
			i = j + n
			continue
		}
		b = appendControl(b, s[j])
		i = j + 1
	}
	return b
}

func appendControl(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
