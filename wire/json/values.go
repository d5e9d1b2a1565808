package json

import (
	"bytes"
	"encoding/base64"
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads the string at the current position, which must be a quote. The result
// aliases the input or the scratch buffer: copy before the next call.
func (d *Decoder) text() []byte {
	start := d.pos + 1
	end := plainUntil(d.data, start)
	if end < len(d.data) && d.data[end] == '"' {
		d.pos = end + 1
		return d.data[start:end]
	}
	return d.escapedText(start, end)
}

// escapedText reads on from end, where something other than plain ASCII stands.
func (d *Decoder) escapedText(start, end int) []byte {
	b := append(d.scratch[:0], d.data[start:end]...)
	for i := end; ; {
		j := plainUntil(d.data, i)
		b = append(b, d.data[i:j]...)
		i = j
		if i == len(d.data) {
			d.fail(start-1, "got a string without end, want '\"'", nil)
			return nil
		}
		switch c := d.data[i]; {
		case c == '"':
			d.pos, d.scratch = i+1, b
			return b
		case c == '\\':
			if b, i = d.escape(b, i); d.err != nil {
				return nil
			}
		case c < 0x20:
			d.fail(i, "got a control character within a string, want it escaped", nil)
			return nil
		default:
			r, n := utf8.DecodeRune(d.data[i:])
			b = utf8.AppendRune(b, r) // U+FFFD for what is no UTF-8
			i += n
		}
	}
}

// escape appends what the escape at data[i:] stands for and returns the index after it.
// Half a surrogate pair becomes U+FFFD.
func (d *Decoder) escape(b []byte, i int) ([]byte, int) {
	if i+1 >= len(d.data) {
		d.fail(i, "got the end of the text within an escape", nil)
		return b, i
	}
	switch c := d.data[i+1]; c {
	case '"', '\\', '/':
		return append(b, c), i + 2
	case 'b':
		return append(b, '\b'), i + 2
	case 'f':
		return append(b, '\f'), i + 2
	case 'n':
		return append(b, '\n'), i + 2
	case 'r':
		return append(b, '\r'), i + 2
	case 't':
		return append(b, '\t'), i + 2
	case 'u':
		r, ok := hex4(d.data, i+2)
		if !ok {
			break
		}
		i += 6
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if i+1 < len(d.data) && d.data[i] == '\\' && d.data[i+1] == 'u' {
				low, ok = hex4(d.data, i+2)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		return utf8.AppendRune(b, r), i
	}
	d.failLiteral(i, d.data[i:min(i+6, len(d.data))], `an escape such as \n or \u00e9`)
	return b, i
}

func hex4(s []byte, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range s[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// rawText reads a string value, or fails.
func (d *Decoder) rawText(want string) []byte {
	if d.err != nil {
		return nil
	}
	if d.peek() != '"' {
		d.failKind(want)
		return nil
	}
	return d.text()
}

// Str reads a string.
func (d *Decoder) Str() string { return own(d.rawText("a JSON string")) }

// own copies s, except for the few words that fill every offer.
func own(s []byte) string {
	switch string(s) {
	case "cpus":
		return "cpus"
	case "mem":
		return "mem"
	case "disk":
		return "disk"
	case "ports":
		return "ports"
	case "gpus":
		return "gpus"
	case "*":
		return "*"
	}
	return string(s)
}

// OptString reads a string, nil for null; so do the other Opt functions.
func (d *Decoder) OptString() *string {
	if !d.Some() {
		return nil
	}
	v := d.Str()
	return &v
}

// Bytes reads base64; nil for null, not nil for an empty string. As in Mesos the
// padding may be missing or wrong, and white space may stand between.
func (d *Decoder) Bytes() []byte {
	if !d.Some() {
		return nil
	}
	at := d.pos
	s := d.rawText("a JSON string holding base64")
	if d.err != nil {
		return nil
	}
	v := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(v, s)
	if err == nil {
		return v[:n:n]
	}
	v, err = bareBase64(s)
	if err != nil {
		d.failLiteral(at, s, "base64")
		return nil
	}
	return v
}

// bareBase64 decodes s up to the padding and without white space. A last digit that is
// less than a byte is nothing.
func bareBase64(s []byte) ([]byte, error) {
	digits, _, _ := bytes.Cut(s, []byte("="))
	digits = bytes.Join(bytes.FieldsFunc(digits, func(c rune) bool { return strings.ContainsRune(" \t\n\v\f\r", c) }), nil)
	odd := len(digits)%4 == 1
	if odd {
		digits = append(digits, 'A')
	}
	v := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, err := base64.RawStdEncoding.Decode(v, digits)
	if odd && err == nil {
		n--
	}
	return v[:n:n], err
}

// Bool reads true or false, or a string holding one of them.
func (d *Decoder) Bool() bool {
	if d.err != nil {
		return false
	}
	switch d.peek() {
	case 't':
		return d.literal("true")
	case 'f':
		d.literal("false")
		return false
	case '"':
		at := d.pos
		switch s := d.text(); string(trim(s)) {
		case "true":
			return true
		case "false":
		default:
			d.failLiteral(at, s, "true or false")
		}
		return false
	}
	d.failKind("a JSON boolean")
	return false
}

// OptBool reads a boolean or null.
func (d *Decoder) OptBool() *bool {
	if !d.Some() {
		return nil
	}
	v := d.Bool()
	return &v
}

func trim(s []byte) []byte { return bytes.Trim(s, " \t\r\n") }

// numeric reads the text of a number, or of a string holding one; nil if d has failed.
func (d *Decoder) numeric() (tok []byte, integer bool) {
	if d.err != nil {
		return nil, false
	}
	if d.peek() != '"' {
		return d.number("a JSON number")
	}
	at := d.pos
	s := d.text()
	if d.err != nil {
		return nil, false
	}
	tok = trim(s)
	end, integer := scanNumber(tok, 0)
	if end == 0 || end != len(tok) {
		d.failLiteral(at, s, "a JSON number")
		return nil, false
	}
	return tok, integer
}

// Int reads an integer that fits into bits.
func (d *Decoder) Int(bits int) int64 {
	tok, integer := d.numeric()
	if d.err != nil {
		return 0
	}
	v, ok := parseInt(tok, integer, bits)
	if !ok {
		d.failRange(tok, true, bits)
	}
	return v
}

// Uint reads an integer from 0 that fits into bits.
func (d *Decoder) Uint(bits int) uint64 {
	tok, integer := d.numeric()
	if d.err != nil {
		return 0
	}
	v, ok := parseUint(tok, integer, bits)
	if !ok {
		d.failRange(tok, false, bits)
	}
	return v
}

func (d *Decoder) failRange(tok []byte, signed bool, bits int) {
	want := "an integer of 32 bits"
	if bits == 64 {
		want = "an integer of 64 bits"
	}
	if !signed {
		want += " and no sign"
	}
	d.failLiteral(d.pos, tok, want)
}

// OptInt32 reads an int32 or null.
func (d *Decoder) OptInt32() *int32 {
	if !d.Some() {
		return nil
	}
	v := int32(d.Int(32))
	return &v
}

// OptInt64 reads an int64 or null.
func (d *Decoder) OptInt64() *int64 {
	if !d.Some() {
		return nil
	}
	v := d.Int(64)
	return &v
}

// OptUint32 reads a uint32 or null.
func (d *Decoder) OptUint32() *uint32 {
	if !d.Some() {
		return nil
	}
	v := uint32(d.Uint(32))
	return &v
}

// OptUint64 reads a uint64 or null.
func (d *Decoder) OptUint64() *uint64 {
	if !d.Some() {
		return nil
	}
	v := d.Uint(64)
	return &v
}

// Double reads a number, a string holding one, "Infinity" or "-Infinity".
func (d *Decoder) Double() float64 {
	if d.err == nil && d.peek() == '"' {
		at := d.pos
		switch s := d.text(); string(s) {
		case "Infinity":
			return math.Inf(1)
		case "-Infinity":
			return math.Inf(-1)
		}
		d.pos = at
	}
	tok, _ := d.numeric()
	if d.err != nil {
		return 0
	}
	v, ok := parseDouble(tok)
	if !ok {
		d.failLiteral(d.pos, tok, "a number within the range of a double")
	}
	return v
}

// OptDouble reads a double or null.
func (d *Decoder) OptDouble() *float64 {
	if !d.Some() {
		return nil
	}
	v := d.Double()
	return &v
}

// Duration reads a google.protobuf.Duration, which Mesos takes as the plain message
// {"seconds":…,"nanos":…}, not as the text "3s".
func (d *Decoder) Duration() (seconds int64, nanos int32) {
	for d.Object(); d.Next(); {
		switch string(d.key) {
		case "seconds":
			if seconds = 0; d.Some() {
				seconds = d.Int(64)
			}
		case "nanos":
			if nanos = 0; d.Some() {
				nanos = int32(d.Int(32))
			}
		default:
			d.Skip()
		}
	}
	return seconds, nanos
}

// enum is what the plugin generates for *E: SetJSON assigns the value of that name.
type enum[E any] interface {
	*E
	SetJSON(name []byte) bool
}

// Enum reads the name of an enum value; nil for null and for a name E does not have.
func Enum[E any, P enum[E]](d *Decoder) *E {
	if !d.Some() {
		return nil
	}
	v := new(E)
	if s := d.rawText("a JSON string naming an enum value"); d.err != nil || !P(v).SetJSON(s) {
		return nil
	}
	return v
}

// RequiredEnum is Enum for a required field: an unknown name is an error.
func RequiredEnum[E any, P enum[E]](d *Decoder) *E {
	if !d.Some() {
		return nil
	}
	at := d.pos
	v := new(E)
	s := d.rawText("a JSON string naming an enum value")
	if d.err == nil && !P(v).SetJSON(s) {
		d.failLiteral(at, s, "the name of an enum value")
	}
	return v
}
