package json

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrDepth is what an Error about too deep nesting unwraps to.
var ErrDepth = errors.New("nesting too deep")

// Error is a fault in a JSON text: bad syntax, or a value its field cannot hold.
type Error struct {
	Path   string // the field, as "accept.operations[0].launch"; empty at top level
	Offset int    // bytes from the start of the text
	Reason string // what was got, what was wanted
	cause  error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("at byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("field '%s' at byte %d: %s", e.Path, e.Offset, e.Reason)
}

func (e *Error) Unwrap() error { return e.cause }

// ErrTooMany is what an Error about too many objects unwraps to.
var ErrTooMany = errors.New("too many objects")

// MissingError names required fields that a message lacks.
type MissingError struct {
	Paths []string // the first maxMissing of them
	More  bool     // there may be more; reading stopped
}

func (e *MissingError) Error() string {
	text := "missing required fields: " + strings.Join(e.Paths, ", ")
	if e.More {
		text += " and maybe more"
	}
	return text
}

// maxMissing bounds the error text, and the work for a body that is a million empty
// objects.
const maxMissing = 16

// Add notes one more missing field and says whether there is room for another.
func (e *MissingError) Add(path string) bool {
	if len(e.Paths) == maxMissing {
		e.More = true
		return false
	}
	e.Paths = append(e.Paths, path)
	return true
}

// fail keeps the first fault; all later ones are its consequences.
func (d *Decoder) fail(at int, reason string, cause error) {
	if d.err == nil {
		d.err = &Error{Path: d.path(), Offset: at, Reason: reason, cause: cause}
	}
}

// failKind reports a value of the wrong kind at the current position.
func (d *Decoder) failKind(want string) {
	if d.err == nil {
		d.fail(d.pos, "got "+d.kind()+", want "+want, nil)
	}
}

func (d *Decoder) failLiteral(at int, got []byte, want string) {
	if d.err == nil {
		d.fail(at, "got "+strconv.Quote(clip(got)), nil)
		d.err.(*Error).Reason += ", want " + want
	}
}

// clip keeps error texts short: values come from the client and may be large.
func clip(s []byte) string {
	if len(s) > 64 {
		return string(s[:64]) + "…"
	}
	return string(s)
}

// kind names what starts at the current position, in words for an error.
func (d *Decoder) kind() string {
	if d.pos >= len(d.data) {
		return "the end of the text"
	}
	switch c := d.data[d.pos]; {
	case c == '{':
		return "a JSON object"
	case c == '[':
		return "a JSON array"
	case c == '"':
		return "a JSON string"
	case c == 't' || c == 'f':
		return "a JSON boolean"
	case c == 'n':
		return "a JSON null"
	case c == '-' || c-'0' <= 9:
		return "a JSON number"
	default:
		return strconv.QuoteRune(rune(c))
	}
}

// path says where the decoder stands.
func (d *Decoder) path() string {
	var b strings.Builder
	for _, f := range d.frames[1 : d.depth+1] {
		if b.Len() > 512 {
			b.WriteString("…")
			break
		}
		if f.list {
			fmt.Fprintf(&b, "[%d]", max(f.count, 1)-1)
			continue
		}
		if f.count == 0 || f.keyEnd == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(clip(d.data[f.keyStart:f.keyEnd]))
	}
	return b.String()
}
