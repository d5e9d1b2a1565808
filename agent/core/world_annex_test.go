package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/mesos"
)

// destroyOthers ends what nobody answers for, as an agent does when it starts.
func (w *world) destroyOthers(refs []ProcessRef, containers []string) {
	known := slices.Clone(containers)
	for _, r := range refs {
		known = append(known, r.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(w.procs)) {
		top, _, _ := strings.Cut(id, "/")
		if !slices.Contains(known, id) && !slices.Contains(known, top) {
			delete(w.procs, id)
			delete(w.executors, id)
		}
	}
}

// actAnnex does something to containers through the operator API.
func (w *world) actAnnex(t *rapid.T, dieAfter int) {
	w.tokens++
	parents := []ContainerID{nil}
	for _, id := range slices.Sorted(maps.Keys(w.core.containers)) {
		parents = append(parents, ContainerID{id})
		for _, task := range w.core.containers[id].tasks {
			if n := task.rec.GetNestedId(); n != "" {
				parents = append(parents, ContainerID{id, n})
			}
		}
	}
	var all []ContainerID
	for _, a := range w.core.annexOrder {
		all = append(all, a.id)
	}
	name := fmt.Sprint("x", rapid.IntRange(0, 3).Draw(t, "name"))
	id := append(slices.Clone(rapid.SampledFrom(append(parents, all...)).Draw(t, "parent")), name)
	if len(id) > 5 {
		return
	}
	var c Command
	switch rapid.SampledFrom([]string{"launch", "launch", "session", "kill", "remove", "wait", "hang up"}).Draw(t, "call") {
	case "launch":
		c = LaunchContainer{Token: w.tokens, ID: id, Command: &mesos.CommandInfo{Value: new("run")}}
	case "session":
		if len(id) == 1 {
			return
		}
		c = LaunchContainer{Token: w.tokens, ID: id, Session: true, Command: &mesos.CommandInfo{Value: new("run")}}
	case "kill":
		c = KillContainer{Token: w.tokens, ID: id, Signal: rapid.SampledFrom([]int{9, 15}).Draw(t, "signal")}
	case "remove":
		c = RemoveContainer{Token: w.tokens, ID: id}
	case "wait":
		c = WaitContainer{Token: w.tokens, ID: id}
	default:
		c = EndSession{ID: id}
	}
	w.core.Step(w.now, c)
	w.turn(dieAfter)
}

// endAnnexes ends and removes the containers that nothing else ends.
func (w *world) endAnnexes() {
	for range 20 {
		for _, a := range slices.Clone(w.core.annexOrder) {
			if len(a.id) > 1 {
				continue
			}
			w.core.Step(w.now, KillContainer{ID: a.id, Signal: 9})
			w.core.Step(w.now, RemoveContainer{ID: a.id})
			w.turn(-1)
		}
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		for len(w.launching) > 0 {
			w.startOne(0, false)
		}
	}
}
