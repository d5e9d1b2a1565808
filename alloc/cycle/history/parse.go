package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
)

// History is one file.
type History struct {
	Scenario, Rule string
	// Counts compares sums instead of offers.
	Counts bool
	// BySlot visits agents in the order of their slots instead of a random one, and
	// Subtree lets quotas bind subtrees: for histories made here and not by Mesos.
	BySlot, Subtree bool
	Steps           []Step
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
		line := strings.TrimRight(in.Text(), " \t\r")
		switch {
		case line == "":
		case line[0] == '#':
			if err := h.header(strings.TrimPrefix(line[1:], " ")); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		case line[0] == '>':
			if len(h.Steps) == 0 {
				return nil, fmt.Errorf("line %d: an answer before any command", n)
			}
			s := &h.Steps[len(h.Steps)-1]
			answer := strings.TrimPrefix(line[1:], " ")
			if !json.Valid([]byte(answer)) {
				return nil, fmt.Errorf("line %d: the answer is no JSON: %.100s", n, answer)
			}
			s.Answers = append(s.Answers, answer)
		default:
			h.Steps = append(h.Steps, Step{Line: n, Command: line})
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(h.Steps) == 0 {
		return nil, errors.New("no command: this is no history")
	}
	return h, nil
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
	case "agents":
		if value != "by slot" {
			return fmt.Errorf("agents is %q, want by slot", value)
		}
		h.BySlot = true
	case "quota":
		if value != "subtree" {
			return fmt.Errorf("quota is %q, want subtree", value)
		}
		h.Subtree = true
	}
	return nil
}

// Configure returns configure preceded by what the header asks for. configure may be nil.
func (h *History) Configure(configure func(*cycle.Options)) func(*cycle.Options) {
	return func(o *cycle.Options) {
		o.ShuffleOff = h.BySlot
		if h.Subtree {
			o.QuotaScope = cycle.Subtree
		}
		if configure != nil {
			configure(o)
		}
	}
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
