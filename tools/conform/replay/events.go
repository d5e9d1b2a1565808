package replay

import (
	"fmt"
	"sort"

	"google.golang.org/protobuf/proto"
)

// Events of different kinds, and of different tasks, overtake each other freely.
// So a stream is compared group by group: SUBSCRIBED, the updates of one task in
// their order, the failures of one executor… A HEARTBEAT must follow SUBSCRIBED where it was
// recorded; further ones are ignored. How resources are cut into offers and
// when is a matter of timing: of OFFERS and RESCIND only the first is compared whole.

type eventGroup struct {
	name   string
	events []any
}

// group sorts events into groups, leaving out retries of an update.
func group(events []any) map[string]*eventGroup {
	groups := map[string]*eventGroup{}
	uuids := map[string]bool{}
	for _, e := range events {
		name := groupOf(e)
		if name == "" {
			continue
		}
		if u := eventUUID(e); u != "" {
			if uuids[u] {
				continue
			}
			uuids[u] = true
		}
		g := groups[name]
		if g == nil {
			g = &eventGroup{name: name}
			groups[name] = g
		}
		g.events = append(g.events, e)
	}
	return groups
}

func eventUUID(e any) string {
	if u := textAt(e, "update", "status", "uuid"); u != "" {
		return u
	}
	return textAt(e, "update_operation_status", "status", "uuid", "value")
}

// groupOf names the group of an event; "" if it is not compared.
func groupOf(e any) string {
	kind := textAt(e, "type")
	switch kind {
	case "HEARTBEAT":
		return ""
	case "UPDATE":
		return kind + " " + textAt(e, "update", "status", "task_id", "value")
	case "UPDATE_OPERATION_STATUS":
		return kind + " " + textAt(e, "update_operation_status", "status", "operation_id", "value")
	case "FAILURE":
		return kind + " " + textAt(e, "failure", "executor_id", "value")
	case "MESSAGE":
		return kind + " " + textAt(e, "message", "executor_id", "value")
	case "TASK_ADDED":
		return kind + " " + textAt(e, "task_added", "task", "task_id", "value")
	case "TASK_UPDATED":
		return kind + " " + textAt(e, "task_updated", "status", "task_id", "value")
	}
	return kind
}

// compareEvents compares a recorded stream with the live one. tasks tells
// whether a task was launched in this replay at all.
func compareEvents(recorded []Event, api endpoint, live []liveEvent, tasks func(string) bool, t *trial) []Difference {
	want, err := recordedTrees(recorded, api.event())
	if err != nil {
		return []Difference{{"transcript", err.Error()}}
	}
	var texts [][]byte
	for _, e := range recorded {
		texts = append(texts, e.Data)
	}
	old := t.ids.before.besides(texts...)
	var got []any
	var diff []Difference
	for i, e := range live {
		if e.err != nil {
			diff = append(diff, Difference{fmt.Sprintf("event %d", i), e.err.Error()})
			continue
		}
		if old != nil {
			e.tree = old.strip(e.tree)
		}
		got = append(got, e.tree)
	}
	diff = append(diff, compareBeginning(want, got)...)
	isJSON := len(recorded) > 0 && len(recorded[0].Data) > 0 && recorded[0].Data[0] == '{'
	if api == agentAPI {
		return append(diff, compareOutput(want, got)...)
	}
	return append(diff, compareGroups(group(want), group(got), isJSON, tasks, t)...)
}

func recordedTrees(events []Event, m proto.Message) ([]any, error) {
	var trees []any
	for i, e := range events {
		if e.Data == nil {
			continue
		}
		tree, err := recordTree(e.Data, m)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// compareBeginning wants SUBSCRIBED and HEARTBEAT first where they were.
func compareBeginning(want, got []any) []Difference {
	for i := range min(2, len(want)) {
		kind := textAt(want[i], "type")
		if kind != "SUBSCRIBED" && kind != "HEARTBEAT" {
			break
		}
		if i >= len(got) || textAt(got[i], "type") != kind {
			have := "nothing"
			if i < len(got) {
				have = textAt(got[i], "type")
			}
			return []Difference{{fmt.Sprintf("event %d", i), fmt.Sprintf("got %s, want %s", have, kind)}}
		}
	}
	return nil
}

func compareGroups(want, got map[string]*eventGroup, isJSON bool, tasks func(string) bool, t *trial) []Difference {
	var names []string
	for n := range want {
		names = append(names, n)
	}
	for n := range got {
		if want[n] == nil {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	var diff []Difference
	for _, n := range names {
		var w, g []any
		if want[n] != nil {
			w = want[n].events
		}
		if got[n] != nil {
			g = got[n].events
		}
		if task, of := taskOf(n); of && !tasks(task) {
			continue // its launch is not among the transcripts
		}
		c := comparison{ids: t, json: isJSON}
		c.group(n, w, g)
		diff = append(diff, c.diff...)
	}
	return diff
}

// taskOf is the task that a group is about.
func taskOf(group string) (task string, ok bool) {
	for _, kind := range []string{"UPDATE ", "TASK_ADDED ", "TASK_UPDATED "} {
		if len(group) >= len(kind) && group[:len(kind)] == kind {
			return group[len(kind):], true
		}
	}
	return "", false
}

func (c *comparison) group(name string, want, got []any) {
	where := "events " + name
	switch name {
	case "OFFERS":
		c.offers(where, want, got)
		return
	case "RESCIND":
		return // follows from how offers were cut
	}
	if len(want) != len(got) {
		c.report(where, "got %d%s, want %d%s", len(got), outline(got), len(want), outline(want))
	}
	for i := range min(len(want), len(got)) {
		c.value(fmt.Sprintf("%s[%d]", where, i), "", "", want[i], got[i], equal)
	}
}

// outline lists the states of updates.
func outline(events []any) string {
	var states []string
	for _, e := range events {
		for _, path := range [][]string{{"update", "status", "state"}, {"task_updated", "status", "state"}, {"update_operation_status", "status", "state"}} {
			if s := textAt(e, path...); s != "" {
				states = append(states, s)
			}
		}
	}
	if len(states) == 0 {
		return ""
	}
	return fmt.Sprint(" ", states)
}

// offers compares the first offers whole, and of the others that they came.
func (c *comparison) offers(where string, want, got []any) {
	if (len(want) == 0) != (len(got) == 0) {
		c.report(where, "got %d, want %d", len(got), len(want))
		return
	}
	if len(want) > 0 {
		c.value(where+"[0]", "", "", want[0], got[0], equal)
	}
}

// compareOutput compares what a container printed: the bytes per channel,
// however they were cut.
func compareOutput(want, got []any) []Difference {
	var diff []Difference
	for _, channel := range []string{"STDOUT", "STDERR"} {
		w, g := output(want, channel), output(got, channel)
		if w != g {
			diff = append(diff, Difference{"output " + channel, fmt.Sprintf("got %s, want %s", clip(g), clip(w))})
		}
	}
	return diff
}

// printedAsMuch says that a container has printed what it did in the recording, which may have been cut
// short while it went on.
func printedAsMuch(recorded []Event, live []liveEvent) bool {
	want, err := recordedTrees(recorded, agentAPI.event())
	if err != nil {
		return false
	}
	var got []any
	for _, e := range live {
		got = append(got, e.tree)
	}
	for _, channel := range []string{"STDOUT", "STDERR"} {
		if len(output(got, channel)) < len(output(want, channel)) {
			return false
		}
	}
	return true
}
