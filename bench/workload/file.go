package workload

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds a workload's file, in bytes.
const maxFile = 1 << 20

// Load reads a workload from a file, or takes the example of that name.
func Load(name string) (*Workload, error) {
	if !strings.ContainsAny(name, "./") {
		return Example(name)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the workload: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("workload %s has %d bytes, want at most %d", name, info.Size(), maxFile)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the workload: %w", err)
	}
	return Parse(name, data)
}

// Parse reads a workload. Errors name every fault with its line: what was got, and
// what was wanted.
func Parse(name string, data []byte) (*Workload, error) {
	w := &Workload{}
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := d.Decode(w); err != nil {
		return nil, readable(name, err)
	}
	w.Fill()
	fs := w.faults()
	if len(fs) == 0 {
		return w, nil
	}
	at := lines(data)
	slices.SortStableFunc(fs, func(a, b fault) int { return lineOf(at, a.at) - lineOf(at, b.at) })
	var all []string
	for _, f := range fs {
		all = append(all, fmt.Sprintf("%s:%d: %s: %s", name, lineOf(at, f.at), f.at, f.text))
	}
	return nil, errors.New(strings.Join(all, "\n"))
}

// readable turns the reader's errors into lines of ours.
func readable(name string, err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all []string
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			all = append(all, fmt.Sprintf("%s:%d: %s: there is no such field", name, row, strings.Join(e.Key(), ".")))
		}
		return errors.New(strings.Join(all, "\n"))
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		row, _ := wrong.Position()
		key := strings.Join(wrong.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Errorf("%s:%d: %s%s", name, row, key, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// lines finds the line of every table and key, named as faults name them.
func lines(data []byte) map[string]int {
	at := map[string]int{}
	counts := map[string]int{}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		var keys []string
		line := 0
		for it := e.Key(); it.Next(); {
			if line == 0 {
				line = p.Shape(it.Node().Raw).Start.Line
			}
			keys = append(keys, string(it.Node().Data))
		}
		name := strings.Join(keys, ".")
		switch e.Kind {
		case unstable.ArrayTable:
			table = fmt.Sprintf("%s[%d]", name, counts[name])
			counts[name]++
		case unstable.Table:
			table = name
		case unstable.KeyValue:
			if table != "" {
				name = table + "." + name
			}
			at[name] = line
			continue
		}
		at[table] = line
		if _, ok := at[name]; !ok {
			at[name] = line // the first of its array
		}
	}
	return at
}

// lineOf a fault: of its field, or else of what the field is in; the first line if
// nothing of it was written.
func lineOf(at map[string]int, place string) int {
	for place != "" {
		if line, ok := at[place]; ok {
			return line
		}
		cut := strings.LastIndexByte(place, '.')
		if cut < 0 {
			break
		}
		place = place[:cut]
	}
	return 1
}

// TOML writes the workload as a file.
func (w *Workload) TOML() ([]byte, error) { return toml.Marshal(w) }
