package history

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// History is one file.
type History struct {
	Scenario, Rule string
	// Counts compares sums instead of offers.
	Counts bool
	Steps  []Step
}

// Step is a command and what was answered.
type Step struct {
	Line    int // of the command, from 1
	Command string
	Answers []string // JSON
}

const maxLineBytes = 16 << 20

// Parse reads a history.
func Parse(r io.Reader) (*History, error) {
	h := &History{}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 1<<16), maxLineBytes)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		switch {
		case line == "":
		case strings.HasPrefix(line, "# "):
			if err := h.header(line[2:]); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		case strings.HasPrefix(line, "> "):
			if len(h.Steps) == 0 {
				return nil, fmt.Errorf("line %d: an answer before any command", n)
			}
			s := &h.Steps[len(h.Steps)-1]
			s.Answers = append(s.Answers, line[2:])
		default:
			h.Steps = append(h.Steps, Step{Line: n, Command: line})
		}
	}
	return h, in.Err()
}

func (h *History) header(text string) error {
	key, value, _ := strings.Cut(text, ": ")
	switch key {
	case "scenario":
		h.Scenario = value
	case "rule":
		h.Rule = value
	case "compare":
		if value != "exact" && value != "counts" {
			return fmt.Errorf("compare is %q, want exact or counts", value)
		}
		h.Counts = value == "counts"
	}
	return nil
}

// words is a command taken apart.
type words struct {
	verb       string
	positional []string
	named      map[string]string
	tasks      []string // values of task=, which may be given more than once
}

// split takes a command apart. A word is named if a "=" comes before anything
// that begins a value of another form.
func split(command string) words {
	w := words{named: make(map[string]string)}
	for i, word := range strings.Split(command, " ") {
		at := strings.IndexByte(word, '=')
		stop := strings.IndexAny(word, "{[(:,/")
		switch named := at > 0 && (stop < 0 || at < stop); {
		case i == 0:
			w.verb = word
		case named && word[:at] == "task":
			w.tasks = append(w.tasks, word[at+1:])
		case named:
			w.named[word[:at]] = word[at+1:]
		default:
			w.positional = append(w.positional, word)
		}
	}
	return w
}

// arg returns positional word i, empty if there are fewer.
func (w words) arg(i int) string {
	if i < len(w.positional) {
		return w.positional[i]
	}
	return ""
}

// list splits a comma-separated value; an empty one has no elements.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func has(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}
