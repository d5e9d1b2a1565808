package calls

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caprock/caprock/bench/world"
	"github.com/caprock/caprock/wire/codec"
)

// kind is which call a case measures.
type kind uint8

const (
	accept      kind = iota // launch tasks on an offer; nobody reports on them
	decline                 // give an offer back without a filter
	acknowledge             // confirm updates that agents have sent in advance
	lifecycle               // accept, RUNNING, acknowledge, FINISHED, acknowledge
)

// Case is one row of the table.
type Case struct {
	Name  string
	kind  kind
	tasks int // per ACCEPT
	codec codec.Type
	rate  int // calls per second; 0: as many as go
}

// cases that a run is made of. pace is the rate of the paced case.
func cases(pace int, codecs []codec.Type) []Case {
	var all []Case
	for _, t := range codecs {
		add := func(name string, k kind, tasks, rate int) {
			all = append(all, Case{Name: name + "/" + t.String(), kind: k, tasks: tasks, codec: t, rate: rate})
		}
		add("accept-1", accept, 1, 0)
		add("accept-10", accept, 10, 0)
		add("accept-100", accept, 100, 0)
		add("accept-1-paced", accept, 1, pace)
		add("acknowledge", acknowledge, 100, 0)
		add("decline", decline, 0, 0)
		add("lifecycle", lifecycle, 100, 0)
	}
	return all
}

// choose keeps the cases that one of the names is the beginning of; all if there are none.
func choose(all []Case, names []string) ([]Case, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []Case
	for _, c := range all {
		base, _, _ := strings.Cut(c.Name, "/")
		if slices.Contains(names, c.Name) || slices.Contains(names, base) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		var known []string
		for _, c := range all {
			known = append(known, c.Name)
		}
		return nil, fmt.Errorf("got cases %v, want some of %v, with or without what follows the slash", names, known)
	}
	return chosen, nil
}

// behaviour of the agents in a case.
func (c Case) behaviour() world.Behaviour {
	if c.kind == lifecycle {
		return world.Finishing
	}
	return world.Silent
}

// interval between allocation cycles. Calls about offers need one for every agent again and
// again; lifecycles free a task at a time, and what is offered at once is in pieces.
func (c Case) interval() time.Duration {
	if c.kind == lifecycle {
		return time.Second
	}
	return 20 * time.Millisecond
}
