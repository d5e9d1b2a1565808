package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// node is a JSON value that knows its place.
type node struct {
	value  any // nil, bool, json.Number, string, []node or []member
	offset int64
}

type member struct {
	name string
	node
}

const maxDepth = 20

// parseDocument reads one JSON value. A name that is given twice in an object is a
// fault: readers of such a profile would not agree on what it allows.
func parseDocument(text []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := parseValue(d, maxDepth)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return n, &fault{syntax.Offset, err.Error()}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return n, &fault{int64(len(text)), "the document ends too early"}
	case err != nil:
		return n, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return n, &fault{d.InputOffset(), "got more than one JSON value"}
	}
	return n, nil
}

func parseValue(d *json.Decoder, depth int) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	n := node{value: t, offset: d.InputOffset()}
	delim, ok := t.(json.Delim)
	if !ok {
		return n, nil
	}
	if depth == 0 {
		return n, &fault{n.offset, fmt.Sprintf("got more than %d levels", maxDepth)}
	}
	if delim == '[' {
		list := []node{}
		for d.More() {
			one, err := parseValue(d, depth-1)
			if err != nil {
				return n, err
			}
			list = append(list, one)
		}
		n.value = list
	} else {
		if n.value, err = parseMembers(d, depth); err != nil {
			return n, err
		}
	}
	_, err = d.Token() // the end of it
	return n, err
}

func parseMembers(d *json.Decoder, depth int) ([]member, error) {
	list := []member{}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if seen[m.name] {
			return nil, &fault{d.InputOffset(), fmt.Sprintf("%q is given twice", m.name)}
		}
		seen[m.name] = true
		if m.node, err = parseValue(d, depth-1); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// fault is what is wrong at a place of a document.
type fault struct {
	offset int64
	text   string
}

func (f *fault) Error() string { return f.text }

// at is err with the file and line of its place.
func at(file string, text []byte, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return fmt.Errorf("seccomp: %s: %w", file, err)
	}
	line := 1 + bytes.Count(text[:min(f.offset, int64(len(text)))], []byte("\n"))
	return fmt.Errorf("seccomp: %s:%d: %w", file, line, err)
}

func (n node) fault(format string, a ...any) error {
	return &fault{n.offset, fmt.Sprintf(format, a...)}
}

// members are those of an object; null has none.
func (n node) members() ([]member, error) {
	switch v := n.value.(type) {
	case nil:
		return nil, nil
	case []member:
		return v, nil
	}
	return nil, n.fault("got %s, want an object", n.kind())
}

// list are the values of an array; null has none.
func (n node) list() ([]node, error) {
	switch v := n.value.(type) {
	case nil:
		return nil, nil
	case []node:
		return v, nil
	}
	return nil, n.fault("got %s, want an array", n.kind())
}

func (n node) text() (string, error) {
	if s, ok := n.value.(string); ok {
		return s, nil
	}
	return "", n.fault("got %s, want a string", n.kind())
}

func (n node) texts() ([]string, error) {
	list, err := n.list()
	out := make([]string, 0, len(list))
	for _, one := range list {
		s, err := one.text()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, err
}

// number is a whole number from 0 to most.
func (n node) number(most uint64) (uint64, error) {
	var v uint64
	text, ok := n.value.(json.Number)
	if ok {
		ok = json.Unmarshal([]byte(text), &v) == nil && v <= most
	}
	if !ok {
		return 0, n.fault("got %s, want a whole number from 0 to %d", n.kind(), most)
	}
	return v, nil
}

func (n node) kind() string {
	switch v := n.value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	case []node:
		return "an array"
	case []member:
		return "an object"
	default:
		return fmt.Sprint(v)
	}
}
