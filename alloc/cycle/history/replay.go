package history

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/wire/resource/notation"
)

// Difference is where a replay departs from a history for the first time.
type Difference struct {
	Line      int // of the command
	Command   string
	Want, Got []string // answers
	Err       error    // the allocator refused the command
}

// String prints the command and the answers that are not in both.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d: %s\n", d.Line, d.Command)
	if d.Err != nil {
		fmt.Fprintf(&b, "  error: %v\n", d.Err)
	}
	for _, x := range d.Want {
		if !contains(d.Got, x) {
			fmt.Fprintf(&b, "  - %s\n", x)
		}
	}
	for _, x := range d.Got {
		if !contains(d.Want, x) {
			fmt.Fprintf(&b, "  + %s\n", x)
		}
	}
	return b.String()
}

func contains(list []string, x string) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// Replay plays a history and returns the first difference, nil if there is none.
// configure may change the options of the allocator; it may be nil.
func Replay(h *History, configure func(*cycle.Options)) *Difference {
	return ReplayWith(h, NewPlayer(h.Counts, h.Configure(configure)))
}

// ReplayWith is Replay with a player that the caller prepared.
func ReplayWith(h *History, p *Player) *Difference {
	for _, s := range h.Steps {
		got, err := p.doSafely(s.Command)
		if err != nil || !same(s.Answers, got) {
			return &Difference{s.Line, s.Command, s.Answers, got, err}
		}
	}
	return nil
}

// doSafely is Do for files of unknown origin: a panic is that file's difference
// and not the end of the replay.
func (p *Player) doSafely(command string) (answers []string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.Do(command)
}

// same compares answers; the text of errors need not be equal.
func same(want, got []string) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !(isError(want[i]) && isError(got[i])) && !sameMeaning(want[i], got[i]) {
			return false
		}
	}
	return true
}

// sameMeaning compares answers that are spelled differently: the order of keys,
// the form of a number, the order of resources.
func sameMeaning(want, got string) bool {
	var x, y map[string]any
	if json.Unmarshal([]byte(want), &x) != nil || json.Unmarshal([]byte(got), &y) != nil {
		return false
	}
	for _, m := range []map[string]any{x, y} {
		for _, key := range []string{"resources", "total"} {
			if text, ok := m[key].(string); ok {
				if res, err := notation.Parse(text); err == nil {
					m[key] = notation.Format(res)
				}
			}
		}
	}
	return reflect.DeepEqual(x, y)
}

func isError(answer string) bool { return strings.HasPrefix(answer, `{"error":`) }
